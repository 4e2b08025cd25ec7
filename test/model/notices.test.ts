import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSqlTime } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';
import { noticesOf, noticeWhen, type SentMessage, withNotices } from './notice-fixture';

const ACK_TIMEOUT_MS = 2_000;
const SHORT_ACK_TIMEOUT_MS = 1_500;

eachDatabase('A notice', (database) => {
  const stage = withNotices(database, { IM_ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS) });

  afterEach(terminateAll);

  it('is one template message for a patient without a socket, and says what was sent', async () => {
    const { server, fake } = stage;
    await server.session('s:1@x', 3, 'D', 'P');
    const sent = await server.send('s:1@x', 'D', '您好,今天的血压是多少?请在早饭前再量一次,谢谢');
    const notice = await noticeWhen(server, sent, ({ state }) => state === 'sent');
    should(notice).containEql({
      channel: 'wechat',
      session_id: 's:1@x',
      user_id: 'P',
      attempts: 1,
      last_error: null,
      claimed_by: null,
    });
    const shanghai = new Date(Date.parse(sent.timestamp) + 8 * 3_600_000).toISOString();
    fake.sends.length.should.equal(1);
    should(fake.sends[0]!.body).eql({
      touser: 'openid-P',
      template_id: fake.templateId,
      url: 'https://h5.example.com/chat?s=s%3A1%40x',
      client_msg_id: `notice-${notice.id}`,
      data: {
        thing1: { value: 'D的名字' },
        thing2: { value: '您好,今天的血压是多少?请在早饭前再量一' },
        time3: { value: `${shanghai.slice(0, 10)} ${shanghai.slice(11, 16)}` },
      },
    });
    await sleep(150);
    fake.sends.length.should.equal(1);
  });

  const ARRIVALS: { title: string; tell: (socket: SocketClient, id: number) => unknown }[] = [
    {
      title: 'acknowledged',
      tell: (socket, id) => {
        socket.send('ack', { message_id: id });
      },
    },
    {
      title: 'read',
      tell: (socket, id) => {
        socket.send('read', { message_id: id });
      },
    },
    {
      title: 'fetched over REST',
      tell: () => stage.server.request('get', '/sessions/s/messages?user_id=P').expect(200),
    },
  ];
  for (const { title, tell } of ARRIVALS) {
    it(`is delivered, and nothing sent, when the message was ${title} in time`, async () => {
      const { server, fake } = stage;
      const socket = await server.socket('P', 's');
      const sent = [await server.send('s', 'D', 'one'), await server.send('s', 'D', 'two')];
      await socket.next('message');
      await socket.next('message');
      await tell(socket, sent[1]!.id);
      for (const message of sent) {
        const notice = await noticeWhen(server, message, ({ state }) => state === 'delivered');
        notice.attempts.should.equal(0);
      }
      await sleep(ACK_TIMEOUT_MS + 250);
      fake.sends.length.should.equal(0);
    });
  }

  it('is delivered when it was acknowledged in the last moment', async () => {
    const { server, fake } = stage;
    const socket = await server.socket('P', 's');
    const sent = await server.send('s', 'D', 'one');
    await socket.next('message');
    await sleep(Date.parse(sent.timestamp) + ACK_TIMEOUT_MS - 100 - Date.now());
    socket.send('ack', { message_id: sent.id });
    await noticeWhen(server, sent, ({ state }) => state !== 'pending');
    should((await noticesOf(server, sent))[0]!.state).equal('delivered');
    fake.sends.length.should.equal(0);
  });

  it('waits for the acknowledgement, then goes out', async () => {
    const { server, fake } = stage;
    const socket = await server.socket('P', 's');
    const acknowledged = await server.send('s', 'D', 'one');
    const sent = await server.send('s', 'D', 'two');
    await socket.next('message');
    socket.send('ack', { message_id: acknowledged.id });
    await noticeWhen(server, acknowledged, ({ state }) => state === 'delivered');
    const [request] = await fake.waitForSends(1);
    const waited = request!.at - Date.parse(sent.timestamp);
    waited.should.be.aboveOrEqual(ACK_TIMEOUT_MS - 20);
    await noticeWhen(server, sent, ({ state }) => state === 'sent');
    // Too late: it has been sent already.
    socket.send('ack', { message_id: sent.id });
    await sleep(100);
    should((await noticesOf(server, sent))[0]!.state).equal('sent');
    fake.sends.length.should.equal(1);
  });

  it('is no matter of a socket that is bound elsewhere', async () => {
    const { server, fake } = stage;
    await server.session('elsewhere', 3, 'D', 'P');
    const socket = await server.socket('P', 'elsewhere');
    const sent = await server.send('s', 'D', 'x');
    await noticeWhen(server, sent, ({ state }) => state === 'sent');
    fake.sends[0]!.at.should.be.below(Date.parse(sent.timestamp) + ACK_TIMEOUT_MS);
    await socket.next('notification');
  });

  it('goes out when the socket has gone before it acknowledged', async () => {
    const { server, fake } = stage;
    const socket = await server.socket('P', 's');
    const sent = await server.send('s', 'D', 'x');
    await socket.next('message');
    socket.terminate();
    await noticeWhen(server, sent, ({ state }) => state === 'sent');
    fake.sends.length.should.equal(1);
  });

  it('is skipped for a patient whose openid is not known', async () => {
    const { server, fake } = stage;
    await server.request('put', '/users/P-none').send({ type: 'patient', name: 'x' }).expect(201);
    await server.session('none', 3, 'D', 'P-none');
    const sent = await server.send('none', 'D', 'x');
    const notice = await noticeWhen(server, sent, ({ state }) => state === 'skipped');
    should(notice.last_error).match(/openid/);
    fake.sends.length.should.equal(0);
  });

  it('goes to every patient but the sender, and to no doctor', async () => {
    const { server, fake } = stage;
    await server.users('D2', 'P1', 'P2', 'P3');
    await server.session('many', 3, 'D', 'D2', 'P1', 'P2', 'P3');
    const own = await server.send('many', 'P1', 'of a patient');
    const doctors = await server.send('many', 'D', 'of a doctor');
    await fake.waitForSends(5);
    const receivers = async (message: SentMessage) =>
      (await noticesOf(server, message)).map(({ user_id: user }) => user);
    should(await receivers(own)).eql(['P2', 'P3']);
    should(await receivers(doctors)).eql(['P1', 'P2', 'P3']);
    await sleep(100);
    should(fake.delivered.map(({ body }) => body.touser as string).sort()).eql(
      ['P1', 'P2', 'P2', 'P3', 'P3'].map((id) => `openid-${id}`),
    );
    new Set(fake.sends.map(({ body }) => body.client_msg_id as string)).size.should.equal(5);
  });

  it("is sent for the platform's own messages", async () => {
    const { server, fake } = stage;
    for (const [session, type] of [
      ['s', 3],
      ['system', 0],
    ] as const) {
      if (type === 0) await server.session(session, type, 'D', 'P');
      fake.reset();
      const { body } = await server
        .request('post', `/sessions/${session}/messages`)
        .send({ type: 0, content: { html: '<b>' } })
        .expect(201);
      await noticeWhen(server, body as SentMessage, ({ state }) => state === 'sent');
      should(fake.sends[0]!.body.data).containEql({ thing1: { value: '系统' }, thing2: { value: '[消息]' } });
    }
  });

  it('is stored with the message or not at all', async () => {
    const { server } = stage;
    const count = async () =>
      (
        await server.context.database.kysely
          .selectFrom('notices')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow()
      ).count;
    const before = await count();
    const message = { sender_id: 'D', type: 1, content: 'x', client_msg_id: 'one notice' };
    await Promise.all(
      Array.from({ length: 10 }, () => server.request('post', '/sessions/s/messages').send(message)),
    );
    await server
      .request('post', '/sessions/s/messages')
      .send({ ...message, type: 6 })
      .expect(400);
    should(await count()).equal(before + 1);
  });
});

eachDatabase('A notice without WeChat', (database) => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_ACK_TIMEOUT_MS: String(SHORT_ACK_TIMEOUT_MS),
    });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
  });

  after(async () => {
    await terminateAll();
    await server.stop();
  });

  it('is skipped at once where no socket is bound', async () => {
    const sent = await server.send('s', 'D', 'x');
    should((await noticesOf(server, sent))[0]!.state).equal('skipped');
  });

  it('is delivered when acknowledged in time, else skipped', async () => {
    const socket = await server.socket('P', 's');
    const first = await server.send('s', 'D', 'x');
    socket.send('ack', { message_id: first.id });
    await noticeWhen(server, first, ({ state }) => state === 'delivered');
    const second = await server.send('s', 'D', 'x');
    const skipped = await noticeWhen(server, second, ({ state }) => state === 'skipped');
    const waited = fromSqlTime(skipped.update_time) - fromSqlTime(skipped.create_time);
    waited.should.be.aboveOrEqual(SHORT_ACK_TIMEOUT_MS);
    should(skipped.last_error).match(/off/);
  });
});
