import should from 'should';
import { eachDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { waitUntil } from '../support/wait-until';
import { type WebhookEvent } from '../support/webhook-receiver';
import { wechatSettings } from './notice-fixture';
import { eventsOf, eventsWhen, withWebhooks } from './webhook-fixture';

const types = (events: readonly WebhookEvent[]) => events.map(({ type }) => type);

eachDatabase('Webhooks tell', (database) => {
  let fake: FakeWechat;
  before(async () => {
    fake = await FakeWechat.start();
    Object.assign(settings, wechatSettings(fake));
  });
  const settings: Record<string, string> = {};
  const stage = withWebhooks(database, settings);
  after(() => fake.stop());
  beforeEach(() => stage.receiver.reset());

  it('a message, without what was written', async () => {
    const { receiver, server } = stage;
    const { body: sent } = await server
      .request('post', '/sessions/s/messages')
      .send({ sender_id: 'D', type: 1, content: 'secret', client_msg_id: 'private' })
      .expect(201);
    const [event] = await receiver.waitFor(1);
    should(event!.type).equal('message.created');
    should(event!.timestamp).equal(sent.timestamp);
    const { client_msg_id: _id, content: _content, ...rest } = sent;
    should(event!.data).eql({ message: rest, session_id: 's', sequence: 1 });
    should(Object.keys(event!.data.message as object)).eql(Object.keys(rest));
    should(receiver.requests[0]!.body).not.match(/secret|private/);
    const [row] = await eventsWhen(server, 's', ([first]) => first?.state === 'sent');
    should(row).containEql({ attempts: 1, last_error: null, message_id: sent.id });
    should(row!.id)
      .equal(receiver.requests[0]!.headers['webhook-id'])
      .and.match(/^[A-Za-z0-9_-]+$/);
    JSON.stringify(row).should.not.match(/secret|private/);
  });

  it('a topic from its start to its end, as it was then', async () => {
    const { receiver, server } = stage;
    await server.session('t', 1, 'D', 'P');
    receiver.answer = () => ({ status: 500 });
    await server
      .request('post', '/sessions/t-1/topics')
      .send({
        session_id: 't',
        user_id: 'P',
        name: 'a private name',
        messages: [{ sender_id: 'P', type: 1, content: 'hello' }],
      })
      .expect(201);
    await server.send('t', 'D', 'an answer');
    await server.send('t', 'D', 'another');
    await server
      .request('put', '/sessions/t/topics/t-1/ended')
      .send({ user_id: 'D', message: 'take care' })
      .expect(200);
    // The second try of the first one finds all of it done.
    receiver.answer = () => ({});
    const events = await receiver.waitFor(9);
    should(types(events)).eql([
      'message.created',
      'topic.started',
      'message.created',
      'message.created',
      'topic.replied',
      'message.created',
      'message.created',
      'topic.ended',
      'message.created',
    ]);
    should(events.map(({ data }) => data.sequence)).eql([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const topics = events
      .filter(({ data }) => data.topic !== undefined)
      .map(({ data }) => data.topic as Record<string, unknown>);
    should(topics.map(({ end_by, reply, status }) => ({ end_by, reply, status }))).eql([
      { end_by: null, reply: 0, status: 0 },
      { end_by: null, reply: 1, status: 0 },
      { end_by: 'D', reply: 1, status: 10 },
    ]);
    should(topics[0]!.end_message_id).equal(null);
    should(topics[2]!.end_message_id).equal(events[6]!.data.message.id);
    for (const topic of topics) should(topic).not.have.any.keys('name', 'description', 'open_session_id');
    JSON.stringify(await eventsOf(server, 't')).should.not.match(/private|hello|answer|care/);
  });

  it('a reply in the topic that starts with it, and one set by hand', async () => {
    const { receiver, server } = stage;
    await server.session('r', 1, 'D', 'P');
    await server
      .request('post', '/sessions/r-1/topics')
      .send({
        session_id: 'r',
        user_id: 'P',
        name: 'x',
        messages: [
          { sender_id: 'P', type: 1, content: 'hello' },
          { sender_id: 'D', type: 1, content: 'an answer' },
        ],
      })
      .expect(201);
    const events = await receiver.waitFor(5);
    should(types(events)).eql([
      'message.created',
      'topic.started',
      'message.created',
      'message.created',
      'topic.replied',
    ]);
    // Both tell the topic as it was after their transaction.
    should(events[1]!.data.topic.reply).equal(1);
    should(events[4]!.data.topic.reply).equal(1);
    receiver.reset();
    await server.request('put', '/sessions/topics/r-1').send({ reply: 0 }).expect(200);
    await server.request('put', '/sessions/topics/r-1').send({ reply: 1 }).expect(200);
    await server.request('put', '/sessions/topics/r-1').send({ reply: 1 }).expect(200);
    should(types(await receiver.waitFor(1))).eql(['topic.replied']);
    (await eventsOf(server, 'r')).length.should.equal(6);
  });

  it('who came and who went: one event a request that changed somebody', async () => {
    const { receiver, server } = stage;
    await server.users('D2', 'D3');
    await server.session('m', 3, 'D');
    await server
      .request('post', '/sessions/m/participants')
      .send({ participants: [{ id: 'D2' }, { id: 'D' }] })
      .expect(200);
    await server
      .request('put', '/sessions/m/participant/update')
      .send({ remove: ['D2'], add: [{ id: 'D3' }] })
      .expect(200);
    await server.request('put', '/sessions/m/participants/D3').send({ role: 1 }).expect(200);
    await server
      .request('post', '/sessions/m/participants')
      .send({ participants: [{ id: 'D3' }] })
      .expect(200);
    await server.request('delete', '/sessions/m/participants/D3').expect(204);
    await server
      .request('post', '/sessions/m-1/topics')
      .send({ session_id: 'm', user_id: 'P', name: 'x', participants: [{ id: 'P' }] })
      .expect(201);
    const events = await receiver.waitFor(6);
    should(events.slice(0, 4).map(({ data }) => [data.added, data.removed])).eql([
      [['D2'], []],
      [['D3'], ['D2']],
      [[], ['D3']],
      [['P'], []],
    ]);
    should(types(events.slice(3))).eql(['participants.changed', 'message.created', 'topic.started']);
  });

  it('the end of a call, behind its record', async () => {
    const { receiver, server } = stage;
    await server.session('c', 1, 'D', 'P');
    const doctor = await server.socket('D', 'c');
    const patient = await server.socket('P', 'c');
    doctor.send('call_invite', { media: 'audio' });
    const { data: call } = await doctor.next('call_ok');
    patient.send('call_reject', { call_id: call.call_id });
    const events = await receiver.waitFor(2);
    should(types(events)).eql(['message.created', 'call.ended']);
    should(events[1]!.data).eql({
      call_id: call.call_id,
      result: 'rejected',
      duration: 0,
      session_id: 'c',
      sequence: 2,
    });
    await doctor.close();
    await patient.close();
  });

  it('a notice that failed', async () => {
    const { receiver, server } = stage;
    await server.session('n', 1, 'D', 'P');
    // The answer is not for the notice of another test.
    const pending = () =>
      server.context.database.kysely
        .selectFrom('notices')
        .select('id')
        .where('state', '=', 'pending')
        .execute();
    await waitUntil(
      async () => (await pending()).length === 0,
      20_000,
      () => 'notices of other tests still wait',
    );
    fake.answerNext('send', { errcode: 43004, errmsg: 'require subscribe' });
    const sent = await server.send('n', 'D', 'one');
    const events = await receiver.waitFor(2);
    should(types(events)).eql(['message.created', 'notice.failed']);
    const { error, ...rest } = events[1]!.data;
    should(rest).eql({
      user_id: 'P',
      message_id: sent.id,
      channel: 'wechat',
      session_id: 'n',
      sequence: 2,
    });
    should(error).startWith('43004 ');
  });

  it('nothing of what was refused, and of a repeat', async () => {
    const { receiver, server } = stage;
    await server.session('w', 1, 'D', 'P');
    const send = { sender_id: 'D', type: 1, content: 'x', client_msg_id: 'one' };
    await server.request('post', '/sessions/w/messages').send(send).expect(201);
    await server.request('post', '/sessions/w/messages').send(send).expect(200);
    await server
      .request('post', '/sessions/w/messages')
      .send({ sender_id: 'D9', type: 1, content: 'x' })
      .expect(400);
    await receiver.waitFor(1);
    (await eventsOf(server, 'w')).length.should.equal(1);
  });
});
