import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { QUICK } from '../model/webhook-fixture';
import { wechatSettings } from '../model/notice-fixture';
import { eachSqlServer } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { FakeWechat } from '../support/fake-wechat';
import { HttpClient } from '../support/http-client';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { Way } from '../support/way';
import { WebhookReceiver } from '../support/webhook-receiver';

/** Longer than all workers' pauses. */
const OUTAGE_MS = 6_000;
/** Until what still failed because of it has failed. */
const SETTLING_MS = 2_000;

eachSqlServer('What a server says of a database that is away', function (database) {
  this.timeout(60_000);
  let way: Way;
  let wechat: FakeWechat;
  let getui: FakeGetui;
  let receiver: WebhookReceiver;
  let server: TestServer;
  let rest: HttpClient;
  let doctor: SocketClient;
  let patient: SocketClient;

  before(async () => {
    const url = new URL(await database.freshUrl());
    way = await Way.to(Number(url.port));
    url.hostname = '127.0.0.1';
    url.port = String(way.port);
    wechat = await FakeWechat.start();
    getui = await FakeGetui.start();
    receiver = await WebhookReceiver.start();
    server = await TestServer.start({
      IM_DATABASE_URL: url.href,
      IM_ACK_TIMEOUT_MS: '400',
      IM_REPLY_REMIND_MS: '2000',
      IM_RETENTION_DAYS: '3650',
      IM_WEBHOOK_RETRY_MS: QUICK,
      ...wechatSettings(wechat),
      ...getui.settings,
      ...receiver.settings,
    });
    rest = new HttpClient(server.url);
    await server.users('D', 'D2', 'P', 'P2');
    await server.session('s', 3, 'D', 'D2', 'P', 'P2');
    doctor = await server.socket('D', 's');
    patient = await server.socket('P', 's');
  });

  after(async () => {
    await terminateAll();
    rest.close();
    await server.stop();
    way.close();
    await Promise.all([wechat.stop(), getui.stop(), receiver.stop()]);
  });

  /** Leaves work for everything that looks into the database by itself. */
  async function work(): Promise<void> {
    const phone = { user_id: 'P2', user_type: 'patient', platform: 'ios', client_id: 'c' };
    should((await rest.request('POST', '/users/login', phone)).status).equal(200);
    const started = { session_id: 's', user_id: 'P', name: 'x' };
    should((await rest.request('POST', '/sessions/t1/topics', started)).status).equal(201);
    receiver.answer = () => ({ status: 500 });
    await rest.send('s', 'P', { type: 1, content: 'x' });
    should((await doctor.request('call_invite', { media: 'video' })).type).equal('call_ok');
  }

  /** Requests and frames of every kind, while nothing can be served. */
  async function ask(lastId: number): Promise<void> {
    const answers = await Promise.all([
      rest.get('/sessions/s/messages?peek=1'),
      rest.send('s', 'D', { type: 1, content: 'x' }),
      rest.request('PUT', '/sessions/s/topics/t1/ended', { user_id: 'P' }),
      rest.get('/application/notices'),
    ]);
    for (const { status } of answers) should(status).equal(503);
    await fetch(`${server.url}/metrics`);
    await fetch(`${server.url}/health/ready`);
    patient.send('ack', { session_id: 's', message_id: lastId });
    should((await patient.request('read', { message_id: lastId })).type).equal('error');
  }

  async function served(): Promise<void> {
    await waitUntil(
      async () => (await rest.send('s', 'D', { type: 1, content: 'x' })).status === 201,
      15_000,
      () => 'it has not recovered',
    );
  }

  const saysItIsBack = (printed: () => string[]) =>
    waitUntil(
      () => printed().some((line) => line.includes('is back')),
      15_000,
      () => printed().join('\n'),
    );

  /** One that it is away and one that it is back, without what is before the colon: level and place. */
  function shouldBeTwo(lines: string[]): void {
    should(lines.map((line) => line.replace(/^\[WARN\] outage\.ts\(\d+,\d+\): /, ''))).match([
      /^the database \(mysql:\/\/[^)]*\) is away: Error [A-Z_]+/,
      /^the database is back after \d+ s$/,
    ]);
    lines.should.have.length(2);
  }

  it('is one line, and one when it is back, whatever works in the background', async () => {
    await work();
    const { id } = await server.send('s', 'D', 'x');
    const lines = await linesPrintedBy(async (printed) => {
      way.shut();
      try {
        const end = Date.now() + OUTAGE_MS;
        while (Date.now() < end) {
          await ask(id);
          await sleep(200);
        }
      } finally {
        way.reopen();
      }
      await served();
      receiver.answer = () => ({});
      await saysItIsBack(printed);
      await sleep(SETTLING_MS);
    });
    shouldBeTwo(lines);
  });

  // Waiting for what never comes takes 9 s, and is the same for both.
  if (database.name === 'mariadb') {
    it('is one line, and one when it is back, where connections fall silent', async () => {
      await server.send('s', 'D', 'x');
      const lines = await linesPrintedBy(async (printed) => {
        way.cut();
        const asked = [
          rest.send('s', 'D', { type: 1, content: 'x' }),
          rest.get('/sessions/s/messages?peek=1'),
        ];
        const statuses = (await Promise.all(asked)).map(({ status }) => status);
        statuses.should.containEql(503);
        await served();
        await saysItIsBack(printed);
        await sleep(SETTLING_MS);
      });
      shouldBeTwo(lines);
    });
  }
});
