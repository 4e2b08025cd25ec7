import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { eachSqlServer, type TestDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { waitUntil } from '../support/wait-until';
import { Cluster } from './cluster-fixture';

const ACK_TIMEOUT_MS = 5_000;
const PATIENTS = ['P1', 'P2', 'P3', 'P4'];

eachSqlServer('Notices of several processes', suite, 'redis');

function suite(this: Mocha.Suite, database: TestDatabase): void {
  this.timeout(60_000);
  let cluster: Cluster;
  let wechat: FakeWechat;
  let connection: mysql.Connection;

  before(async () => {
    wechat = await FakeWechat.start();
    cluster = await Cluster.start(database, 3, {
      IM_WECHAT_APP_ID: wechat.appId,
      IM_WECHAT_APP_SECRET: wechat.appSecret,
      IM_WECHAT_TEMPLATE_ID: wechat.templateId,
      IM_WECHAT_API_BASE: wechat.baseUrl,
      IM_ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS),
    });
    await cluster.users('D1', ...PATIENTS);
    for (const id of PATIENTS) await cluster.session(`s-${id}`, 'D1', id);
    connection = await mysql.createConnection(cluster.environment.IM_DATABASE_URL!);
  });
  after(async () => {
    await connection.end();
    await cluster.stop();
    await wechat.stop();
  });
  afterEach(() => wechat.reset());

  async function states(): Promise<Record<string, number>> {
    const [rows] = await connection.query('select state, count(*) as count from notices group by state');
    return Object.fromEntries(
      (rows as { state: string; count: number }[]).map((row) => [row.state, row.count]),
    );
  }

  it('are sent once each, with one token for all, whichever process took the message', async () => {
    wechat.answerNext('token', { delayMs: 200 });
    const count = 300;
    let left = count;
    const sender = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await cluster.send(`s-${PATIENTS[left % PATIENTS.length]!}`, 'D1', `通知 ${left}`);
      }
    };
    await Promise.all(Array.from({ length: 12 }, sender));
    await wechat.waitForDelivered(count, 30_000);
    await waitUntil(
      async () => (await states()).sent === count,
      20_000,
      () => 'the notices were not all recorded',
    );
    // Three workers look for more meanwhile.
    await sleep(1_200);
    wechat.sends.should.have.length(count);
    new Set(wechat.sends.map(({ body }) => body.client_msg_id as string)).size.should.equal(count);
    wechat.tokenRequests.should.have.length(1);
    should(await states()).eql({ sent: count });
  });

  it('ask for a new token once when WeChat refuses the old one to all of them', async () => {
    wechat.expireToken();
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => cluster.send(`s-${PATIENTS[n % 4]!}`, 'D1', '新')),
    );
    await wechat.waitForDelivered(30);
    wechat.tokenRequests.should.have.length(1);
    wechat.delivered.should.have.length(30);
  });

  it('wait for a patient who is connected to another process, and are not sent when it acknowledges', async () => {
    const [a, b] = [cluster.process(0), cluster.process(1)];
    const patient = await cluster.socket(a, 'P1', 's-P1');
    await cluster.sees('P1', true);
    const acknowledged = await cluster.send('s-P1', 'D1', '收到了吗', b);
    (await patient.next('message')).data.message.id.should.equal(acknowledged);
    patient.send('ack', { message_id: acknowledged });
    await sleep(ACK_TIMEOUT_MS + 1_500);
    wechat.sends.should.eql([]);
    const begin = Date.now();
    const ignored = await cluster.send('s-P1', 'D1', '还在吗', b);
    (await patient.next('message')).data.message.id.should.equal(ignored);
    await wechat.waitForDelivered(1, ACK_TIMEOUT_MS + 15_000);
    should(Date.now() - begin).be.aboveOrEqual(ACK_TIMEOUT_MS);
    await patient.close();
    await cluster.sees('P1', false);
    // Nobody to wait for.
    const last = Date.now();
    await cluster.send('s-P1', 'D1', '再见', b);
    const [, goodbye] = await wechat.waitForDelivered(2);
    should(goodbye!.at - last).be.below(ACK_TIMEOUT_MS);
  });

  it('go on while Redis is away', async () => {
    await cluster.redis.stop('SIGKILL');
    await cluster.busIs('down');
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => cluster.send(`s-${PATIENTS[n % 4]!}`, 'D1', '无缓存')),
    );
    await wechat.waitForDelivered(12);
    await sleep(200);
    wechat.delivered.should.have.length(12);
    await cluster.redis.start();
    await cluster.busIs('up');
  });
}
