import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

const url = 'https://files.example.com/a.jpg?x=1&y=%20#z';

/** Texts that something on the way might change. */
const TEXTS = {
  emoji: '您好 😀👨‍👩‍👧‍👦🇨🇳 ✊🏽',
  markup: '<script>alert("1")</script> &amp; &lt;b>',
  'right to left': 'مرحبا ‮abc‬ שלום',
  'blanks and line breaks': '  a\t\r\n b \u00a0\u2028\u2029\ufeff ',
  'quotes and backslashes': `'"\`\\' \\n \\u0041 %s ? :x $1 ; -- /* */`,
  'not composed': 'e\u0301 \u1112\u1161\u11ab',
  'control characters': '\u0001\u0008\u000b\u001f\u007f\u0080\u009f',
  'beyond the first plane': '\u{20000}\u{10ffff}\uffff\ufdd0',
  'one character': 'a',
  '5,000 characters': '字'.repeat(5000),
  '5,000 of two units each': '😀'.repeat(5000),
};

/** Everything a type takes, and the least that it takes. */
const CONTENTS: Record<number, readonly unknown[]> = {
  0: ['', '系统', {}, { kind: 'visit', at: [1, 2.5, -0.125, null, true, { deep: '😀<b>' }], 'a.b': '', 名: 1e21 }],
  1: Object.values(TEXTS),
  2: [{ url }, { url, thumbnail: 'HTTP://files.example.com/t', width: 1, height: 1_000_000 }],
  3: [{ url, duration: 0 }, { url, duration: 12.345 }],
  4: [{ title: '高血压', url }, { title: '😀'.repeat(300), url, summary: '', image: url }],
  5: [{ title: 'x', url: 'http://127.0.0.1:8080/路径' }],
  9: [{ url, width: 10, height: 20 }],
  12: [{ url, duration: 86_400 }, { url, cover: url, duration: 1 }],
};

eachDatabase('Contents of messages', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  for (const [type, contents] of Object.entries(CONTENTS)) {
    it(`type ${type}: what is stored comes back byte for byte, everywhere`, async () => {
      for (const [index, content] of contents.entries()) {
        const by = type === '0' || index % 2 === 1 ? 'backend' : 'P1';
        const body = { type: Number(type), content, ...(type === '0' ? {} : { sender_id: 'P1' }) };
        const sent = await api.post(by, `/sessions/${session}/messages`, body);
        sent.status.should.equal(201, JSON.stringify(sent.body));
        should(sent.body.content).eql(content);
        JSON.stringify(sent.body.content).should.equal(JSON.stringify(content));
        for (const path of [`messages/${String(sent.body.id)}`, 'messages?limit=1&peek=1']) {
          const { body: read } = await api.get('D1', `/sessions/${session}/${path}`);
          should('items' in read ? read.items[0] : read).eql(sent.body);
        }
        const { body: shown } = await api.get('D1', `/sessions/${session}/session`);
        should([shown.last_content, shown.last_content_type]).eql([content, Number(type)]);
      }
    });
  }

  it('unknown fields of a content are dropped, but for type 0, which is free', async () => {
    const sent = await api.post('P1', `/sessions/${session}/messages`, { type: 2, content: { url, secret: 1 } });
    should(sent.body.content).eql({ url });
    const free = await api.post('backend', `/sessions/${session}/messages`, { type: 0, content: { url, secret: 1 } });
    should(free.body.content).eql({ url, secret: 1 });
  });

  for (const [title, text] of Object.entries({ ...TEXTS, '5,000 characters': '字', '5,000 of two units each': '😀' })) {
    it(`names and descriptions keep ${title}`, async () => {
      const name = `${text}.`;
      const made = await api.post('D1', '/sessions', { type: 3, name, participants: [{ id: 'D1' }] });
      should([made.status, made.body.name]).eql([201, name]);
      const topic = api.fresh('t');
      const started = await api.post('D1', `/sessions/${topic}/topics`, { session_id: made.body.id as string, name, description: text });
      should([started.status, started.body.name, started.body.description]).eql([201, name, text]);
      should((await api.get('D1', `/sessions/topics/${topic}`)).body).eql(started.body);
      const first = await api.get('D1', `/sessions/topic/${topic}/messages`);
      should(first.body.items[0].content).eql({ topic_id: topic, name });
    });
  }

  describe('forwarding', () => {
    const forward = (by: string, from: string, id: number, to = session) =>
      api.post(by, `/sessions/${to}/messages`, { type: 8, content: { session_id: from, message_id: id }, ...(by === 'backend' ? { sender_id: 'D1' } : {}) });

    it('stores a copy of what the sender may read', async () => {
      const team = await api.session(3, 'D1', 'D2');
      const source = await api.server.send(team, 'D2', TEXTS.markup);
      for (const by of ['D1', 'backend']) {
        const sent = await forward(by, team, source.id);
        sent.status.should.equal(201);
        should(sent.body.content).eql({ session_id: team, message_id: source.id, message: source });
        should((await api.get('P1', `/sessions/${session}/messages/${String(sent.body.id)}`)).body).eql(sent.body);
      }
    });

    it('what is forwarded can be forwarded', async () => {
      const first = await api.server.send(session, 'P1', '您好');
      const second = await forward('D1', session, first.id);
      const third = await forward('D1', session, second.body.id as number);
      should(third.body.content.message).eql(second.body);
      should(third.body.content.message.content.message).eql(first);
    });

    it('but not without end', async () => {
      let last = (await api.server.send(session, 'P1', '您好')).id;
      const statuses: number[] = [];
      for (let time = 0; time < 32; time += 1) {
        const answer = await forward('D1', session, last);
        statuses.push(answer.status);
        if (answer.status !== 201) {
          should(answer.body.errors[0].path).equal('content');
          break;
        }
        last = answer.body.id as number;
      }
      statuses.at(-1)!.should.equal(400);
      statuses.length.should.be.aboveOrEqual(5);
      (await api.get('D1', `/sessions/${session}/messages?peek=1&limit=5`)).status.should.equal(200);
    });

    it('refuses what the sender may not read, and what is not there', async () => {
      const team = await api.session(3, 'D1', 'D2');
      const source = await api.server.send(team, 'D2', '内部');
      for (const [by, from, id] of [
        ['P1', team, source.id],
        ['D1', session, source.id + 1_000_000],
        ['D1', 'unknown', source.id],
        ['backend', 'unknown', source.id],
      ] as const) {
        const answer = await forward(by, from, id);
        should([answer.status, answer.body.errors?.[0]?.path]).eql([400, 'content']);
      }
      await api.delete('backend', `/sessions/${team}/participants/D1`);
      (await forward('D1', team, source.id)).status.should.equal(400);
      // The platform forwards for D1, who may not; as itself, in its own messages, there is no forward.
      (await forward('backend', team, source.id)).status.should.equal(400);
    });

    it("an id of another session's message is not there, though the table is the same", async () => {
      const other = await api.session(1, 'D1', 'P1');
      const source = await api.server.send(other, 'P1', '您好');
      (await forward('D1', session, source.id)).status.should.equal(400);
      (await api.get('D1', `/sessions/${session}/messages/${source.id}`)).status.should.equal(404);
    });
  });

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
      for (const body of [{ type: 1, content: 'x' }, { type: 2, content: { url } }, { type: 1, content: 'x', sender_id: 'D1' }]) {
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
    const send = (body: object, by = 'backend', id = session) => api.post(by, `/sessions/${id}/messages`, { type: 1, content: 'x', ...body });

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
        ['P1', session, 'Key'], ['D1', session, 'Key'], ['P1', other, 'Key'], ['P1', session, 'key'], ['P1', session, 'Key '],
        ['P1', session, 'Ke\u0301y'], ['P1', session, '键😀'.repeat(42)], ['P1', session, '😀'.repeat(128)],
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
      const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => send({ client_msg_id: 'race', content: `x${index}` }, 'P1')));
      answers.map(({ status }) => status).sort().should.eql([...Array<number>(29).fill(200), 201]);
      for (const { body } of answers) should(body).eql(answers[0]!.body);
    });
  });
});
