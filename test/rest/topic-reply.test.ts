import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { text, type Topic, topicSteps } from './topic-steps';

eachDatabase('Replies to a topic', (database) => {
  let api: Api;
  const { started, end, messagesOf, topicOf } = topicSteps(() => api);
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

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
    ].map((message) => ({
      title: `a doctor's message of type ${message.type}`,
      by: 'D1',
      message,
      reply: 1,
    })),
    {
      title: "a doctor's message by the backend",
      by: 'backend',
      message: { sender_id: 'D1', type: 1, content: 'x' },
      reply: 1,
    },
    { title: "a patient's message", by: 'P1', message: { type: 1, content: 'x' }, reply: 0 },
    { title: "the platform's message", by: 'backend', message: { type: 0, content: 'x' }, reply: 0 },
    {
      title: "a system message in a doctor's name",
      by: 'backend',
      message: { sender_id: 'D1', type: 0, content: 'x' },
      reply: 0,
    },
  ];
  for (const { title, by, message, reply } of CASES) {
    it(`${title}: ${reply}`, async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      topic.reply.should.equal(0);
      const sent = await api.post(by, `/sessions/${session}/messages`, message);
      sent.status.should.equal(201);
      const answered = await topicOf(topic.id);
      answered.reply.should.equal(reply);
      should(answered.reply_time).equal(reply === 1 ? sent.body.timestamp : null);
    });
  }

  it('a forward by a doctor counts', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('P1', session);
    const { body: forward } = await api.post('D1', `/sessions/${session}/messages`, {
      type: 8,
      content: { session_id: session, message_id: topic.start_message_id },
    });
    should(await topicOf(topic.id)).containEql({ reply: 1, reply_time: forward.timestamp });
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
    should(replied.reply_time).equal((await messagesOf(session)).at(-1)!.timestamp);
  });

  it('what a doctor says after the end is no reply', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('P1', session);
    await end('P1', session, topic.id);
    await api.server.send(session, 'D1', '晚了');
    should(await topicOf(topic.id)).containEql({ reply: 0, reply_time: null });
  });

  it('the first answer counts, later ones do not; also of many sessions in one transaction', async () => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => api.session(1, 'D1', 'P1')));
    const topics = await Promise.all(sessions.map((session) => started('P1', session)));
    const answers = await Promise.all(sessions.map((session) => api.server.send(session, 'D1', '一')));
    await Promise.all(sessions.map((session) => api.server.send(session, 'D1', '二')));
    const times = await Promise.all(topics.map(async ({ id }) => (await topicOf(id)).reply_time));
    should(times).eql(answers.map(({ timestamp }) => timestamp));
  });

  describe('set by hand', () => {
    const put = async (topic: string, reply: number) => {
      const { body, status } = await api.put('D1', `/sessions/topics/${topic}`, { reply });
      status.should.equal(200);
      return body as Topic;
    };

    it('is a reply of that time, and keeps the time of an answer', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      const byHand = await put(topic.id, 1);
      byHand.reply.should.equal(1);
      Date.parse(byHand.reply_time!).should.be.aboveOrEqual(Date.parse(topic.create_time));
      should(await put(topic.id, 1)).eql(byHand);
      await api.server.send(session, 'D1', '一');
      should(await topicOf(topic.id)).eql(byHand);
      should((await api.put('D1', `/sessions/topics/${topic.id}`, { name: '新' })).body).containEql({
        reply: 1,
        reply_time: byHand.reply_time,
      });
    });

    it('0 makes the next answer count, in an open topic alone', async () => {
      const session = await api.session(1, 'D1', 'P1');
      const topic = await started('P1', session);
      const first = await api.server.send(session, 'D1', '一');
      should((await put(topic.id, 1)).reply_time).equal(first.timestamp);
      should(await put(topic.id, 0)).containEql({ reply: 0, reply_time: null });
      should(await put(topic.id, 0)).containEql({ reply: 0, reply_time: null });
      const second = await api.server.send(session, 'D1', '二');
      await api.server.send(session, 'D1', '三');
      should(await topicOf(topic.id)).containEql({ reply: 1, reply_time: second.timestamp });
      await end('D1', session, topic.id);
      await put(topic.id, 0);
      await api.server.send(session, 'D1', '四');
      should(await topicOf(topic.id)).containEql({ reply: 0, reply_time: null });
      should((await put(topic.id, 1)).reply_time).be.a.String();
    });
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
});
