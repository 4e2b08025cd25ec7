import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, eachSqlServer } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { type SocketClient } from '../support/socket-client';
import { Cluster } from './cluster-fixture';

const ACK_TIMEOUT_MS = 4_000;

eachSqlServer('Pushes of several processes', suite, 'redis');

function suite(this: Mocha.Suite, database: TestDatabase): void {
  this.timeout(90_000);
  let cluster: Cluster;
  let getui: FakeGetui;
  let token: string;

  before(async () => {
    getui = await FakeGetui.start();
    cluster = await Cluster.start(database, 2, {
      ...getui.settings,
      IM_ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS),
    });
    await cluster.users('D1', 'D2');
    for (let n = 0; n < 20; n += 1) await cluster.session(`s${n}`, 'D1', 'D2');
    const phone = { user_id: 'D2', user_type: 'doctor', platform: 'ios', client_id: 'cid' };
    token = (await cluster.ask('POST', '/users/login', phone)).token as string;
  });
  after(async () => {
    await cluster.stop();
    await getui.stop();
  });
  afterEach(() => getui.reset());

  it('are made once each, with one token for all', async () => {
    getui.answerNext('auth', { delayMs: 200 });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => cluster.send(`s${n}`, 'D1', 'x', cluster.process(n % 2))),
    );
    await getui.waitForPushes(20);
    await sleep(1_200);
    getui.calls('push').length.should.equal(20);
    new Set(getui.calls('push').map(({ body }) => body.request_id as string)).size.should.equal(20);
    getui.calls('auth').length.should.equal(1);
  });

  /** What `there` was told by `here` before this has been handled, and what it told back. */
  async function toAndFro(here: SocketClient, there: SocketClient): Promise<void> {
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      from.send('typing', { session_id: 's0', typing: true });
      await to.next('typing');
    }
  }

  it('wait for a doctor whose socket is in another process, but not for one in the background', async () => {
    const [a, b] = [cluster.process(0), cluster.process(1)];
    const doctor = await cluster.socket(a, 'D2', undefined, token);
    const other = await cluster.socket(b, 'D1', 's0');
    await cluster.sees('D2', true);
    const acknowledged = await cluster.send('s0', 'D1', 'x', b);
    await doctor.next('message');
    doctor.send('ack', { session_id: 's0', message_id: acknowledged });
    await sleep(ACK_TIMEOUT_MS + 1_200);
    should(getui.calls('push')).eql([]);

    await cluster.ask('PUT', '/users/D2/status', { in_background: true, client_id: 'cid' }, b);
    await toAndFro(other, doctor);
    const begin = Date.now();
    const message = await cluster.send('s0', 'D1', 'y', b);
    await doctor.next('message');
    doctor.send('ack', { session_id: 's0', message_id: message });
    const [push] = await getui.waitForPushes(1);
    should(push!.at - begin).be.below(ACK_TIMEOUT_MS);

    await cluster.ask('PUT', '/users/D2/status', { in_background: false, client_id: 'cid' }, b);
    await toAndFro(other, doctor);
    const seen = await cluster.send('s0', 'D1', 'z', b);
    await doctor.next('message');
    doctor.send('ack', { session_id: 's0', message_id: seen });
    await sleep(ACK_TIMEOUT_MS + 1_200);
    getui.calls('push').length.should.equal(1);
    for (const socket of [doctor, other]) await socket.close();
  });
}
