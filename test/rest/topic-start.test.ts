import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { text, topicSteps, type Message } from './topic-steps';

eachDatabase('Starting a topic', (database) => {
  let api: Api;
  const { start, started, messagesOf, topicMessages } = topicSteps(() => api);
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  it('in a session that exists: the topic, its first message, the status', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const topic = api.fresh('t');
    const { body, status } = await start('P1', topic, {
      session_id: session,
      name: '血压 <b>😀',
      description: '收缩压 150',
      type: 3,
    });
    status.should.equal(201);
    const [message] = await messagesOf(session);
    should(message).containEql({
      sender_id: 'P1',
      sender_name: 'P1的名字',
      type: 6,
      content: { topic_id: topic, name: '血压 <b>😀' },
    });
    should(body).eql({
      id: topic,
      session_id: session,
      name: '血压 <b>😀',
      description: '收缩压 150',
      type: 3,
      status: 0,
      reply: 0,
      reply_time: null,
      create_time: body.create_time as string,
      start_message_id: message!.id,
      end_message_id: null,
      end_time: null,
      end_by: null,
      end_by_name: null,
    });
    should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({
      status: 1,
      last_content_type: 6,
      last_message_time: body.create_time as string,
    });
    should((await api.get('P1', `/sessions/${session}/unread_message_count`)).body.count).equal(0);
    should((await api.get('D1', `/sessions/${session}/unread_message_count`)).body.count).equal(1);
  });

  for (const { title, by, body, starter, senders } of [
    { title: 'the user', by: 'D1', body: {}, starter: 'D1', senders: [] },
    {
      title: 'the user, also of messages without a sender',
      by: 'P1',
      body: { messages: [text(undefined), text('P1')] },
      starter: 'P1',
      senders: ['P1', 'P1'],
    },
    {
      title: 'the user_id that the backend names',
      by: 'backend',
      body: { user_id: 'D1', messages: [text('P1')] },
      starter: 'D1',
      senders: ['P1'],
    },
    {
      title: "the first message's sender",
      by: 'backend',
      body: { messages: [text('P1'), text('D1')] },
      starter: 'P1',
      senders: ['P1', 'D1'],
    },
    { title: 'the platform', by: 'backend', body: {}, starter: 'system', senders: [] },
    {
      title: 'the platform, which says something',
      by: 'backend',
      body: { messages: [{ type: 0, content: '通知' }] },
      starter: 'system',
      senders: ['system'],
    },
  ]) {
    it(`is by ${title}`, async () => {
      const session = await api.session(1, 'D1', 'P1');
      await started(by, session, body);
      const [first, ...others] = await messagesOf(session);
      should([first!.type, first!.sender_id]).eql([6, starter]);
      others.map((message) => message.sender_id).should.eql(senders);
      for (const message of [first!, ...others]) {
        message.sender_name.should.equal(
          message.sender_id === 'system' ? '系统' : `${message.sender_id}的名字`,
        );
      }
    });
  }

  it('makes the session where there is none, under the rules for sessions', async () => {
    const session = api.fresh('made');
    const body = {
      session_id: session,
      session_name: '家庭医生',
      session_type: 1,
      participants: [{ id: 'P1' }, { id: 'D1', role: 1 }],
    };
    (await start('backend', api.fresh('t'), { ...body, user_id: 'P1' })).status.should.equal(201);
    const made = (await api.get('D1', `/sessions/${session}/session`)).body as {
      participants: { id: string; role: number }[];
    };
    should(made).containEql({ name: '家庭医生', type: 1, business_type: 2, status: 1 });
    made.participants
      .map(({ id, role }) => [id, role])
      .should.eql([
        ['D1', 1],
        ['P1', 0],
      ]);
  });

  it('adds the named who are missing, and leaves the others as they are', async () => {
    const session = await api.session(1, 'D1', 'P1');
    await started('D1', session, {
      participants: [
        { id: 'D2', role: 1 },
        { id: 'D1', role: 1 },
      ],
      session_name: '别的名',
      session_type: 3,
    });
    const { body } = await api.get('D2', `/sessions/${session}/session`);
    should(body).containEql({ type: 1, name: `会话${session}` });
    should((body.participants as { id: string; role: number }[]).map(({ id, role }) => [id, role])).eql([
      ['D1', 0],
      ['D2', 1],
      ['P1', 0],
    ]);
    // The start is the first thing that the new one has not read.
    should((await api.get('D2', `/sessions/${session}/unread_message_count`)).body.count).equal(1);
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
    // A copy holds what the message was, without what only its own place gives it.
    const { client_msg_id: _key, recalled: _recalled, reply_to: _quote, ...copy } = earlier;
    should(items[3]!.content).eql({ session_id: session, message_id: earlier.id, message: copy });
    items[0]!.id.should.equal(topic.start_message_id);
  });

  it('sockets hear of the messages, of the topic, and of who was added', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const socket = await api.server.socket('P1', session);
    const topic = await started('D1', session, { participants: [{ id: 'D2' }], messages: [text('D1')] });
    const pushed = [
      (await socket.next('message')).data.message,
      (await socket.next('message')).data.message,
    ] as Message[];
    pushed.map(({ type }) => type).should.eql([6, 1]);
    should((await socket.next('topic')).data.topic).eql(topic);
    should((await socket.next('participants')).data.items.length).equal(3);
    await socket.close();
  });
});
