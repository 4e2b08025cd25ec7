import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

const url = 'https://files.example.com/a.jpg';

eachDatabase('Sending', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  describe('who sends what', () => {
    const send = (by: string, id: string, body: object) => api.post(by, `/sessions/${id}/messages`, body);

    it('system messages are the backend’s, in any session', async () => {
      for (const type of [0, 1, 2, 3]) {
        const id = type === 2 ? await api.session(2, 'D1', 'D2') : await api.session(type, 'D1', 'P1');
        const sent = await send('backend', id, { type: 0, content: '通知' });
        should([sent.status, sent.body.sender_id, sent.body.sender_name]).eql([201, 'system', '系统']);
        const named = await send('backend', id, { type: 0, content: '通知', sender_id: 'D1' });
        should([named.status, named.body.sender_id, named.body.sender_name]).eql([201, 'D1', 'D1的名字']);
        const refused = await send('D1', id, { type: 0, content: '通知' });
        should([refused.status, refused.body.code]).eql([403, 'forbidden']);
      }
    });

    it('in a system session only the backend sends, any type, with or without a sender', async () => {
      const id = await api.session(0, 'D1', 'P1');
      const refused = await send('D1', id, { type: 1, content: 'x' });
      should([refused.status, refused.body.code]).eql([403, 'forbidden']);
      for (const body of [
        { type: 1, content: 'x' },
        { type: 2, content: { url } },
        { type: 1, content: 'x', sender_id: 'D1' },
      ]) {
        const sent = await send('backend', id, body);
        should([sent.status, sent.body.sender_id]).eql([201, 'sender_id' in body ? 'D1' : 'system']);
      }
    });

    it('a renamed user sends under the new name; what was said keeps the old one', async () => {
      const id = await api.session(3, 'D1', 'D2');
      await api.put('backend', '/users/D2', { type: 'doctor', name: '旧名' });
      const before = await send('D2', id, { type: 1, content: 'x' });
      await api.put('backend', '/users/D2', { type: 'doctor', name: '新名' });
      const after = await send('D2', id, { type: 1, content: 'x' });
      should([before.body.sender_name, after.body.sender_name]).eql(['旧名', '新名']);
      const { body } = await api.get('D1', `/sessions/${id}/messages`);
      should((body.items as { sender_name: string }[]).map((each) => each.sender_name)).eql(['旧名', '新名']);
    });
  });

  describe('client_msg_id', () => {
    const send = (body: object, by = 'backend', id = session) =>
      api.post(by, `/sessions/${id}/messages`, { type: 1, content: 'x', ...body });

    it('the same again: 200 and the first message, whatever else the repeat holds', async () => {
      const first = await send({ sender_id: 'P1', client_msg_id: 'once', content: '第一' });
      first.status.should.equal(201);
      for (const [by, body] of [
        ['P1', { client_msg_id: 'once' }],
        ['backend', { sender_id: 'P1', client_msg_id: 'once', type: 2, content: { url } }],
        ['P1', { client_msg_id: 'once', type: 8, content: { session_id: 'unknown', message_id: 1 } }],
      ] as const) {
        const again = await send(body, by);
        should([again.status, again.body]).eql([200, first.body]);
      }
    });

    it('is of one sender in one session, and exact to the last blank', async () => {
      const other = await api.session(1, 'D1', 'P1');
      const ids = new Set<number>();
      for (const [by, id, key] of [
        ['P1', session, 'Key'],
        ['D1', session, 'Key'],
        ['P1', other, 'Key'],
        ['P1', session, 'key'],
        ['P1', session, 'Key '],
        ['P1', session, 'Ke\u0301y'],
        ['P1', session, '键😀'.repeat(42)],
        ['P1', session, '😀'.repeat(128)],
      ] as const) {
        const sent = await send({ client_msg_id: key }, by, id);
        should([sent.status, sent.body.client_msg_id]).eql([201, key]);
        ids.add(sent.body.id as number);
      }
      (await send({ type: 0, client_msg_id: 'Key' })).status.should.equal(201);
      (await send({ type: 0, client_msg_id: 'Key' })).status.should.equal(200);
      ids.size.should.be.aboveOrEqual(7);
    });

    it('thirty at once store one', async () => {
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, index) => send({ client_msg_id: 'race', content: `x${index}` }, 'P1')),
      );
      answers
        .map(({ status }) => status)
        .sort()
        .should.eql([...Array<number>(29).fill(200), 201]);
      for (const { body } of answers) should(body).eql(answers[0]!.body);
    });
  });
});
