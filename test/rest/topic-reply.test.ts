import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { text, topicSteps } from './topic-steps';

eachDatabase('Replies to a topic', (database) => {
  let api: Api;
  const { started, end, topicOf } = topicSteps(() => api);
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
      (await api.post(by, `/sessions/${session}/messages`, message)).status.should.equal(201);
      (await topicOf(topic.id)).reply.should.equal(reply);
    });
  }

  it('a forward by a doctor counts', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = await started('P1', session);
    await api.post('D1', `/sessions/${session}/messages`, {
      type: 8,
      content: { session_id: session, message_id: topic.start_message_id },
    });
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
});
