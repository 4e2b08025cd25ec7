import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

interface Topic {
  id: string;
  session_id: string;
  status: number;
  reply: number;
  create_time: string;
  start_message_id: number;
  end_message_id: number | null;
}

interface Message {
  id: number;
  sender_id: string;
  sender_name: string;
  type: number;
  content: unknown;
}

eachDatabase('Topics', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  const start = (by: string, topic: string, body: object) => api.post(by, `/sessions/${topic}/topics`, { name: '咨询', ...body });
  const started = async (by: string, session: string, body: object = {}) => {
    const { body: topic, status } = await start(by, api.fresh('t'), { session_id: session, ...body });
    status.should.equal(201, JSON.stringify(topic));
    return topic as Topic;
  };
  const messagesOf = async (session: string) => (await api.get('backend', `/sessions/${session}/messages?limit=200`)).body.items as Message[];
  const topicMessages = async (topic: string, query = '') => (await api.get('backend', `/sessions/topic/${topic}/messages?${query}`)).body as { items: Message[]; more: boolean };
  const topicOf = async (topic: string) => (await api.get('backend', `/sessions/topics/${topic}`)).body as Topic;
  const end = (by: string, session: string, topic: string, body: object = {}) => api.put(by, `/sessions/${session}/topics/${topic}/ended`, body);

  describe('start', () => {
    it('in a session that exists: the topic, its first message, the status', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = api.fresh('t');
      const { body, status } = await start('P1', topic, { session_id: session, name: '血压 <b>😀', description: '收缩压 150', type: 3 });
      status.should.equal(201);
      const [message] = await messagesOf(session);
      should(message).containEql({ sender_id: 'P1', sender_name: 'P1的名字', type: 6, content: { topic_id: topic, name: '血压 <b>😀' } });
      should(body).eql({
        id: topic, session_id: session, name: '血压 <b>😀', description: '收缩压 150', type: 3, status: 0, reply: 0,
        create_time: body.create_time as string, start_message_id: message!.id, end_message_id: null, end_time: null, end_by: null, end_by_name: null,
      });
      should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({ status: 1, last_content_type: 6, last_message_time: body.create_time as string });
      should((await api.get('P1', `/sessions/${session}/unread_message_count`)).body.count).equal(0);
      should((await api.get('D1', `/sessions/${session}/unread_message_count`)).body.count).equal(1);
    });

    const text = (sender: string | undefined, content = 'x') => ({ ...(sender === undefined ? {} : { sender_id: sender }), type: 1, content });
    for (const { title, by, body, starter, senders } of [
      { title: 'the user', by: 'D1', body: {}, starter: 'D1', senders: [] },
      { title: 'the user, also of messages without a sender', by: 'P1', body: { messages: [text(undefined), text('P1')] }, starter: 'P1', senders: ['P1', 'P1'] },
      { title: 'the user_id that the backend names', by: 'backend', body: { user_id: 'D1', messages: [text('P1')] }, starter: 'D1', senders: ['P1'] },
      { title: "the first message's sender", by: 'backend', body: { messages: [text('P1'), text('D1')] }, starter: 'P1', senders: ['P1', 'D1'] },
      { title: 'the platform', by: 'backend', body: {}, starter: 'system', senders: [] },
      { title: 'the platform, which says something', by: 'backend', body: { messages: [{ type: 0, content: '通知' }] }, starter: 'system', senders: ['system'] },
    ]) {
      it(`is by ${title}`, async () => {
        const session = await api.session(1, 'D1', 'P1');
        await started(by, session, body);
        const [first, ...others] = await messagesOf(session);
        should([first!.type, first!.sender_id]).eql([6, starter]);
        others.map((message) => message.sender_id).should.eql(senders);
        for (const message of [first!, ...others]) {
          message.sender_name.should.equal(message.sender_id === 'system' ? '系统' : `${message.sender_id}的名字`);
        }
      });
    }

    it('makes the session where there is none, under the rules for sessions', async () => {
      const session = api.fresh('made');
      const body = { session_id: session, session_name: '家庭医生', session_type: 1, participants: [{ id: 'P1' }, { id: 'D1', role: 1 }] };
      (await start('P1', api.fresh('t'), body)).status.should.equal(201);
      const made = (await api.get('D1', `/sessions/${session}/session`)).body as { participants: { id: string; role: number }[] };
      should(made).containEql({ name: '家庭医生', type: 1, business_type: 2, status: 1 });
      made.participants.map(({ id, role }) => [id, role]).should.eql([['D1', 1], ['P1', 0]]);
    });

    it('adds the named who are missing, and leaves the others as they are', async () => {
      const session = await api.session(1, 'D1', 'P1');
      await started('P1', session, { participants: [{ id: 'D2', role: 1 }, { id: 'D1', role: 1 }], session_name: '别的名', session_type: 3 });
      const { body } = await api.get('D2', `/sessions/${session}/session`);
      should(body).containEql({ type: 1, name: `会话${session}` });
      should((body.participants as { id: string; role: number }[]).map(({ id, role }) => [id, role])).eql([['D1', 0], ['D2', 1], ['P1', 0]]);
      // The start is the first thing that the new one has not read.
      should((await api.get('D2', `/sessions/${session}/unread_message_count`)).body.count).equal(1);
    });

    const REFUSED: { title: string; by: string; body: (session: string) => object; status: number; where?: 'open' | 'p2p' | 'none' | 'system' }[] = [
      { title: 'an open topic there', by: 'backend', body: (id) => ({ session_id: id }), status: 409, where: 'open' },
      { title: 'an open topic, by one who is not in it', by: 'P2', body: (id) => ({ session_id: id }), status: 404, where: 'open' },
      { title: 'one who is not in it', by: 'D2', body: (id) => ({ session_id: id }), status: 404 },
      { title: 'for a user who is not in it', by: 'backend', body: (id) => ({ session_id: id, user_id: 'D2' }), status: 404 },
      { title: 'for an unknown user', by: 'backend', body: (id) => ({ session_id: id, user_id: 'X1' }), status: 404 },
      { title: 'for somebody else', by: 'D1', body: (id) => ({ session_id: id, user_id: 'P1' }), status: 403 },
      { title: "with somebody else's message", by: 'D1', body: (id) => ({ session_id: id, messages: [text('P1')] }), status: 403 },
      { title: "with a user's system message", by: 'D1', body: (id) => ({ session_id: id, messages: [{ type: 0, content: 'x' }] }), status: 403 },
      { title: 'a user in a system session', by: 'D1', body: (id) => ({ session_id: id }), status: 403, where: 'system' },
      { title: 'a third in a p2p session', by: 'D1', body: (id) => ({ session_id: id, participants: [{ id: 'P1' }] }), status: 409, where: 'p2p' },
      { title: 'no session and nothing to make it of', by: 'backend', body: () => ({ session_id: 'unknown' }), status: 404, where: 'none' },
      { title: 'no participants', by: 'backend', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 1, participants: [] }), status: 404, where: 'none' },
      { title: 'a new session without oneself', by: 'D1', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 1, participants: [{ id: 'P1' }] }), status: 403, where: 'none' },
      { title: 'a new system session by a user', by: 'D1', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 0, participants: [{ id: 'D1' }] }), status: 403, where: 'none' },
      { title: 'a new p2p session of three', by: 'D1', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 2, participants: [{ id: 'D1' }, { id: 'D2' }, { id: 'P1' }] }), status: 400, where: 'none' },
      { title: 'a second p2p session of a pair', by: 'D1', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 2, participants: [{ id: 'D1' }, { id: 'D2' }] }), status: 409, where: 'p2p' },
      { title: 'a new session with the unknown', by: 'D1', body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 1, participants: [{ id: 'D1' }, { id: 'X1' }] }), status: 400, where: 'none' },
    ];
    for (const { title, by, body, status, where } of REFUSED) {
      it(`refused: ${title} → ${status}, and nothing is left`, async () => {
        let session: string;
        if (where === 'p2p') {
          session = (await api.post('backend', '/sessions', { type: 2, name: 'x', participants: [{ id: 'D1' }, { id: 'D2' }] })).body.id as string;
        } else session = await api.session(where === 'system' ? 0 : 1, 'D1', 'P1');
        if (where === 'open') await started('backend', session);
        const before = await messagesOf(session);
        const topic = api.fresh('t');
        const answer = await start(by, topic, body(session));
        answer.status.should.equal(status, JSON.stringify(answer.body));
        should(await messagesOf(session)).eql(before);
        (await api.get('backend', `/sessions/topics/${topic}`)).status.should.equal(404);
        (await api.get('backend', '/sessions/unknown/session')).status.should.equal(404);
      });
    }

    it('all or nothing: a bad message leaves no topic, no session, no participant, no message', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const bad = [
        { messages: [text('P1'), text('D2')] },
        { messages: [text('P1'), { sender_id: 'P1', type: 8, content: { session_id: session, message_id: 999999 } }], participants: [{ id: 'D2' }] },
        { messages: [text('P1'), text(undefined)], participants: [{ id: 'D2' }] },
      ];
      for (const body of bad) {
        const topic = api.fresh('t');
        (await start('backend', topic, { session_id: session, ...body })).status.should.equal(400);
        (await api.get('backend', `/sessions/topics/${topic}`)).status.should.equal(404);
        const made = { session_id: api.fresh('made'), session_name: 'x', session_type: 1, ...body, participants: [{ id: 'D1' }, { id: 'P1' }] };
        (await start('backend', topic, made)).status.should.equal(400);
        (await api.get('backend', `/sessions/${made.session_id}/session`)).status.should.equal(404);
      }
      should(await messagesOf(session)).eql([]);
      should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({ status: 0, last_content: null });
      should((await api.get('D1', `/sessions/${session}/participants`)).body.items.length).equal(2);
    });

    it('a used id is a conflict, wherever it was used, also when that topic has ended', async () => {
      const [first, second] = [await api.session(1, 'D1', 'P1'), await api.session(1, 'D1', 'P1')];
      const topic = await started('D1', first);
      for (const round of [1, 2]) {
        const answer = await start('D1', topic.id, { session_id: second });
        should([answer.status, answer.body.code]).eql([409, 'conflict'], `${round}`);
        await end('D1', first, topic.id);
      }
      should(await messagesOf(second)).eql([]);
    });

    it('messages of all kinds come in their order, as they were given', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const earlier = await api.server.send(session, 'P1', '以前');
      const messages = [
        { sender_id: 'P1', type: 1, content: '头痛 <script>' },
        { sender_id: 'P1', type: 2, content: { url: 'https://files.example.com/a.jpg' } },
        { sender_id: 'P1', type: 8, content: { session_id: session, message_id: earlier.id } },
        { type: 0, content: { note: 1 } },
      ];
      const topic = await started('backend', session, { user_id: 'P1', messages });
      const { items } = await topicMessages(topic.id);
      items.map(({ type }) => type).should.eql([6, 1, 2, 8, 0]);
      should(items[1]!.content).eql('头痛 <script>');
      should(items[3]!.content).eql({ session_id: session, message_id: earlier.id, message: earlier });
      items[0]!.id.should.equal(topic.start_message_id);
    });

    it('sockets hear of the messages, of the topic, and of who was added', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const socket = await api.server.socket('P1', session);
      const topic = await started('D1', session, { participants: [{ id: 'D2' }], messages: [text('D1')] });
      const pushed = [(await socket.next('message')).data.message, (await socket.next('message')).data.message] as Message[];
      pushed.map(({ type }) => type).should.eql([6, 1]);
      should((await socket.next('topic')).data.topic).eql(topic);
      should((await socket.next('participants')).data.items.length).equal(3);
      await socket.close();
    });
  });

  describe('end', () => {
    it('writes a type 7 message and, with a message, one of type 10', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      const answer = await end('D1', session, topic.id, { user_name: '李主任', message: '多喝水 😀' });
      answer.status.should.equal(200);
      const [, ended, after] = await messagesOf(session);
      should(ended).containEql({ sender_id: 'D1', type: 7, content: { topic_id: topic.id, name: '咨询' } });
      should(after).containEql({ sender_id: 'D1', sender_name: 'D1的名字', type: 10, content: '多喝水 😀' });
      should(answer.body).eql({
        ...topic, status: 10, end_message_id: ended!.id, end_time: (ended as unknown as { timestamp: string }).timestamp, end_by: 'D1', end_by_name: '李主任',
      });
      should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({ status: 0, last_content_type: 10 });
    });

    it("without a name it is the profile's, and without a message there is none", async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('D1', session);
      should((await end('backend', session, topic.id, { user_id: 'P1' })).body).containEql({ end_by: 'P1', end_by_name: 'P1的名字' });
      (await messagesOf(session)).map(({ type }) => type).should.eql([6, 7]);
    });

    it('again changes nothing: 200 and the same topic', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('D1', session);
      const first = await end('D1', session, topic.id);
      const again = await end('P1', session, topic.id, { message: 'x', user_name: 'y' });
      should([again.status, again.body]).eql([200, first.body]);
      (await messagesOf(session)).length.should.equal(2);
      // A topic that was ended before leaves the next one alone.
      const next = await started('D1', session);
      (await end('D1', session, topic.id)).status.should.equal(200);
      (await topicOf(next.id)).status.should.equal(0);
      should((await api.get('D1', `/sessions/${session}/session`)).body.status).equal(1);
    });

    it('twenty at once end it once', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('D1', session);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => end(index % 2 === 0 ? 'D1' : 'P1', session, topic.id, { message: `${index}` })));
      answers.map(({ status }) => status).should.eql(Array(20).fill(200));
      (await messagesOf(session)).map(({ type }) => type).should.eql([6, 7, 10]);
    });

    it('current is the last topic, open or ended; without any it is not there', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const ended = async (topic: string) => (await api.get('D1', `/sessions/${session}/topics/${topic}/ended`)).body as object;
      (await api.get('D1', `/sessions/${session}/topics/current/ended`)).status.should.equal(404);
      (await end('D1', session, 'current')).status.should.equal(404);
      const first = await started('D1', session);
      should(await ended('current')).eql({ session_id: session, topic_id: first.id, ended: false });
      should((await end('D1', session, 'current')).body.id).equal(first.id);
      should(await ended('current')).eql({ session_id: session, topic_id: first.id, ended: true });
      const second = await started('D1', session);
      should(await ended('current')).eql({ session_id: session, topic_id: second.id, ended: false });
      should(await ended(first.id)).eql({ session_id: session, topic_id: first.id, ended: true });
    });

    it("another session's topic is not there", async () => {
      const [session, other] = [await api.session(1, 'D1', 'P1'), await api.session(1, 'D1', 'P1')];
      const topic = await started('D1', other);
      for (const path of [`/sessions/${session}/topics/${topic.id}/ended`, `/sessions/${session}/topics/${topic.id}/messages`]) {
        (await api.get('D1', path)).status.should.equal(404);
      }
      (await end('D1', session, topic.id)).status.should.equal(404);
      (await topicOf(topic.id)).status.should.equal(0);
    });

    it('a user writes in no system session, not even the end of a topic', async () => {
      const session = await api.session(0, 'D1', 'P1');
      const topic = await started('backend', session);
      const refused = await end('D1', session, topic.id, { message: 'x' });
      should([refused.status, refused.body.code]).eql([403, 'forbidden']);
      (await end('backend', session, topic.id, { user_id: 'D1' })).status.should.equal(200);
    });
  });

  it("holds the messages from its start to its end, exactly; after the end only the others' grow", async () => {
    const session = await api.session(1, 'D1', 'P1');
    await api.server.send(session, 'P1', '以前');
    const topic = await started('P1', session);
    const inside = [await api.server.send(session, 'D1', '一'), await api.server.send(session, 'P1', '二')];
    const running = await topicMessages(topic.id);
    running.items.map(({ id }) => id).should.eql([topic.start_message_id, ...inside.map(({ id }) => id)]);
    const ended = (await end('D1', session, topic.id, { message: '再见' })).body as Topic;
    await api.server.send(session, 'P1', '以后');
    const all = [topic.start_message_id, ...inside.map(({ id }) => id), ended.end_message_id!];
    should(await topicMessages(topic.id)).containEql({ more: false });
    (await topicMessages(topic.id)).items.map(({ id }) => id).should.eql(all);
    const page = async (query: string) => {
      const { items, more } = await topicMessages(topic.id, query);
      return [items.map(({ id }) => id), more];
    };
    should(await page('limit=2')).eql([all.slice(0, 2), true]);
    should(await page(`limit=2&after=${all[1]!}`)).eql([all.slice(2), false]);
    should(await page(`limit=2&before=${all[3]!}`)).eql([all.slice(1, 3), true]);
    should(await page(`after=${all[0]!}&before=${all[2]!}`)).eql([[all[1]], false]);
    should(await page('after=0')).eql([all, false]);
    should(await page('before=9007199254740991')).eql([all, false]);
    const same = (await api.get('P1', `/sessions/${session}/topics/${topic.id}/messages`)).body as { items: Message[] };
    same.items.map(({ id }) => id).should.eql(all);
  });

  it('changes: only what is given, and sockets hear of it', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('D1', session, { description: '原来' });
    const socket = await api.server.socket('P1', session);
    const change = (body: object) => api.put('D1', `/sessions/topics/${topic.id}`, body);
    should((await change({})).body).eql(topic);
    const changed = await change({ name: '新名', type: -5, reply: 1 });
    should(changed.body).eql({ ...topic, name: '新名', type: -5, reply: 1 });
    should((await socket.next('topic')).data.topic).eql(changed.body);
    should((await change({ description: null })).body.description).be.null();
    should((await change({ description: '' })).body.description).equal('');
    // Status and ends are not changed this way.
    should((await change({ status: 10, end_by: 'P1', id: 'x' })).body).containEql({ status: 0, end_by: null, id: topic.id });
    await socket.close();
  });

  describe('reply', () => {
    const url = 'https://files.example.com/a';
    const CASES: { title: string; by: string; message: object; reply: number }[] = [
      ...[
        { type: 1, content: 'x' },
        { type: 2, content: { url } },
        { type: 3, content: { url, duration: 1 } },
        { type: 4, content: { title: 'x', url } },
        { type: 5, content: { title: 'x', url } },
        { type: 9, content: { url } },
        { type: 12, content: { url, duration: 1 } },
      ].map((message) => ({ title: `a doctor's message of type ${message.type}`, by: 'D1', message, reply: 1 })),
      { title: "a doctor's message by the backend", by: 'backend', message: { sender_id: 'D1', type: 1, content: 'x' }, reply: 1 },
      { title: "a patient's message", by: 'P1', message: { type: 1, content: 'x' }, reply: 0 },
      { title: "the platform's message", by: 'backend', message: { type: 0, content: 'x' }, reply: 0 },
      { title: "a system message in a doctor's name", by: 'backend', message: { sender_id: 'D1', type: 0, content: 'x' }, reply: 0 },
    ];
    for (const { title, by, message, reply } of CASES) {
      it(`${title}: ${reply}`, async () => {
        const session = await api.session(1, 'D1', 'P1');
        const topic = await started('P1', session);
        topic.reply.should.equal(0);
        (await api.post(by, `/sessions/${session}/messages`, message)).status.should.equal(201);
        (await topicOf(topic.id)).reply.should.equal(reply);
      });
    }

    it('a forward by a doctor counts', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      await api.post('D1', `/sessions/${session}/messages`, { type: 8, content: { session_id: session, message_id: topic.start_message_id } });
      (await topicOf(topic.id)).reply.should.equal(1);
    });

    it("a doctor's message at the start counts, the start itself and the end do not", async () => {
      const session = await api.session(1, 'D1', 'P1');
      const plain = await started('D1', session);
      should((await end('D1', session, plain.id, { message: '再见' })).body.reply).equal(0);
      const answered = await started('P1', session, {});
      answered.reply.should.equal(0);
      await end('P1', session, answered.id);
      const replied = await started('backend', session, { messages: [text('P1'), text('D1')] });
      replied.reply.should.equal(1);
    });

    it('what a doctor says after the end is no reply', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      await end('P1', session, topic.id);
      await api.server.send(session, 'D1', '晚了');
      (await topicOf(topic.id)).reply.should.equal(0);
    });

    it('sockets hear of it once', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      const socket = await api.server.socket('P1', session);
      await api.server.send(session, 'D1', '一');
      await api.server.send(session, 'D1', '二');
      should((await socket.next('topic')).data.topic).containEql({ id: topic.id, reply: 1 });
      await end('D1', session, topic.id);
      should((await socket.next('topic')).data.topic).containEql({ id: topic.id, status: 10 });
      await socket.close();
    });

    function text(sender: string) {
      return { sender_id: sender, type: 1, content: 'x' };
    }
  });
});
