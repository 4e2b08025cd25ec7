import should from 'should';
import { WebSocket } from 'ws';
import { exportSession } from '../../src/commands/maintenance/export-session';
import { eachDatabase } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { Api } from './api';

/** Objects as somebody may write them, each of which JavaScript would write otherwise. */
const WRITTEN = {
  'a number of 19 digits, a price, keys that are numbers':
    '{"order_id":1234567890123456789,"price":0.10,"10":1,"2":2}',
  'numbers that JavaScript does not have': '{"a":[1,{"b":1e400}],"c":-0,"d":1E+2,"e":0.30000000000000004441}',
  blanks: '{ "a" :\t1 , "b" : [ ] }',
  lines: '{\r\n  "a": 1,\n  "b": "two\\nlines"\n}',
  'a key twice': '{"a":1,"a":2}',
  'escapes that are not needed': '{"\\u0061\\/":"\\u4f60\\u597d \\u003cb\\u003e"}',
  'keys of the message itself': '{"content":{"content":1.0},"type":1,"messages":[{"content":1.0}]}',
  'keys of objects in JavaScript': '{"__proto__":{"a":1.0},"constructor":1.0}',
  nothing: '{}',
};

eachDatabase('A content of type 0', (database) => {
  let api: Api;
  let session: string;
  let socket: WebSocket;
  /** The frames that came, as they came. */
  const frames: string[] = [];

  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'P1');
    session = await api.session(1, 'D1', 'P1');
    socket = new WebSocket(`${api.server.url.replace('http', 'ws')}/ws`);
    socket.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
    await new Promise((resolve) => socket.once('open', resolve));
    const token = await api.token('D1');
    ask('login', { token, session_id: session, user_type: 'doctor' });
    await frameOf('login_ok');
  });
  after(async () => {
    socket.terminate();
    await api.stop();
  });

  const ask = (type: string, data: object) => socket.send(JSON.stringify({ type, data }));
  const frameOf = async (type: string) => {
    const find = () => frames.find((text) => text.startsWith(`{"type":"${type}"`));
    await waitUntil(
      () => find() !== undefined,
      20_000,
      () => `no ${type}`,
    );
    return find() ?? '';
  };
  const post = async (path: string, text: string) => {
    const request = api.server.request('post', path).set('Content-Type', 'application/json');
    const response = await request.serialize((each) => each as unknown as string).send(text as never);
    should(response.status).be.oneOf([200, 201]);
    return response.text;
  };
  const get = async (path: string) => (await api.server.request('get', path).expect(200)).text;

  // What becomes of the text on the way is the same everywhere; what the database makes of it, the first tells.
  const cases = Object.entries(WRITTEN).slice(0, database.name === 'sqlite' ? undefined : 2);
  for (const [title, content] of cases) {
    it(`comes back byte for byte: ${title}`, async () => {
      frames.length = 0;
      const shown = `"content":${content},`;
      const key = api.fresh('key');
      const body = `{"client_msg_id":"${key}","content":1,"type":0,"\\u0063ontent" : ${content} }`;
      const sent = await post(`/sessions/${session}/messages`, body);
      sent.should.containEql(shown);
      const { id } = JSON.parse(sent) as { id: number };
      // Of the other door, the id being encoded, and of the memory of what was sent.
      const encoded = session.replace('s', '%73');
      should(await post(`/sessions/${encoded}/messages`, body)).equal(sent);
      for (const path of [
        `/sessions/${session}/messages/${id}`,
        `/sessions/${session}/messages?limit=1`,
        `/sessions/${session}/messages?after=${id - 1}`,
        `/sessions/${session}/messages/unread?user_id=P1`,
      ]) {
        (await get(path)).should.containEql(shown);
      }
      for (const path of [
        `/sessions/${session}/session`,
        '/sessions?user_id=P1',
        '/sessions/recent?user_id=P1',
      ])
        (await get(path)).should.containEql(`"last_content":${content},`);
      (await frameOf('message')).should.containEql(shown);
      ask('sync', { after: id - 1 });
      (await frameOf('sync_ok')).should.containEql(shown);

      const forward = `{"type":8,"sender_id":"D1","content":{"session_id":"${session}","message_id":${id}}}`;
      (await post(`/sessions/${session}/messages`, forward)).should.containEql(shown);

      const topic = api.fresh('t');
      const messages = `[{"type":1,"sender_id":"P1","content":"x"},{"type":0,"content":${content}}]`;
      await post(
        `/sessions/${topic}/topics`,
        `{"session_id":"${session}","user_id":"P1","name":"x","messages":${messages}}`,
      );
      (await get(`/sessions/topic/${topic}/messages`)).should.containEql(shown);
      await api.put('backend', `/sessions/${session}/topics/${topic}/ended`, { user_id: 'D1' });
    });
  }

  it('is one line of an export, with all that it means', async () => {
    const own = await api.session(1, 'D1', 'P1');
    for (const content of Object.values(WRITTEN))
      await post(`/sessions/${own}/messages`, `{"type":0,"content":${content}}`);
    const lines: string[] = [];
    for await (const text of (await exportSession(api.server.context.database, own))!)
      lines.push(...text.split('\n').filter((line) => line !== ''));
    const kept = lines.filter((line) => line.startsWith('{"kind":"message"'));
    for (const line of lines) JSON.parse(line);
    Object.values(WRITTEN).forEach((content, index) =>
      kept[index]!.should.containEql(`"content":${content.replaceAll(/[\r\n]/g, ' ')},`),
    );
    kept.length.should.equal(Object.keys(WRITTEN).length);
  });

  it('may come in a body with a byte order mark', async () => {
    const sent = await post(`/sessions/${session}/messages`, '\ufeff{"type":0,"content":{"price":0.10}}');
    sent.should.containEql('"content":{"price":0.10},');
    const { body, status } = await api.server
      .request('post', `/sessions/${session}/messages`)
      .set('Content-Type', 'application/json')
      .serialize((each) => each as unknown as string)
      .send('\ufeff\ufeff{"type":0,"content":{}}' as never);
    should([status, body.code]).eql([400, 'malformed_json']);
  });
});
