import { setTimeout as sleep } from 'node:timers/promises';
import { eachSqlServer, type TestDatabase } from '../support/databases';
import { connect, type SocketClient, terminateAll } from '../support/socket-client';
import { Cluster } from './cluster-fixture';

const RECONNECT_MS = 5_000;

eachSqlServer('Calls whose process is killed', suite, 'redis');

function suite(this: Mocha.Suite, database: TestDatabase): void {
  this.timeout(60_000);
  let cluster: Cluster;
  let doctor: string;
  let patient: string;
  let session: string;
  let caller: SocketClient;
  let callee: SocketClient;
  let id: string;
  let tests = 0;

  before(async () => {
    cluster = await Cluster.start(database, 2, { IM_CALL_RECONNECT_MS: String(RECONNECT_MS) });
  });
  beforeEach(async () => {
    // In place of the one that the test before has killed.
    if (cluster.processes.length < 2) await cluster.add();
    // People of its own: those who were at the killed one may still count as online.
    tests += 1;
    [doctor, patient, session] = [`D${tests}`, `P${tests}`, `s${tests}`];
    await cluster.users(doctor, patient);
    await cluster.session(session, doctor, patient);
    caller = await cluster.socket(cluster.process(0), doctor, session);
    callee = await cluster.socket(cluster.process(1), patient, session);
    id = (await caller.request('call_invite', { media: 'video' })).data.call_id as string;
    await callee.next('call_invite');
  });
  afterEach(() => terminateAll());
  after(() => cluster.stop());

  /** The caller's process dies. */
  async function kill(): Promise<void> {
    await cluster.processes.shift()!.end('SIGKILL');
  }

  async function signalsBothWays(): Promise<void> {
    caller.send('call_signal', { call_id: id, signal: { sdp: 'offer' } });
    (await callee.next('call_signal', 8_000)).data.signal.should.eql({ sdp: 'offer' });
    callee.send('call_signal', { call_id: id, signal: { sdp: 'answer' } });
    (await caller.next('call_signal')).data.signal.should.eql({ sdp: 'answer' });
  }

  async function hasOneRecord(result: string): Promise<void> {
    (await callee.next('call_ended', RECONNECT_MS * 3)).data.result.should.equal(result);
    await sleep(1_500);
    const { items } = await cluster.ask('GET', `/sessions/${session}/messages?user_id=${doctor}&peek=1`);
    const records = (items as { type: number; content: { result: string } }[]).filter(
      ({ type }) => type === 14,
    );
    records.map(({ content }) => content.result).should.eql([result]);
  }

  for (const [when, waitMs] of [
    ['at once', 0],
    ['when it is back for long', RECONNECT_MS],
  ] as const) {
    it(`go on with a caller who comes back while it rings, taken ${when}`, async () => {
      await kill();
      caller = await cluster.socket(cluster.process(0), doctor, session);
      await sleep(waitMs);
      callee.send('call_accept', { call_id: id });
      (await caller.next('call_accept', 8_000)).data.should.eql({ call_id: id, user_id: patient });
      await signalsBothWays();
      await caller.expectNothing('call_accept');
      caller.send('call_hangup', { call_id: id });
      await hasOneRecord('completed');
    });
  }

  it('go on with a caller who comes back after it was taken', async () => {
    await kill();
    callee.send('call_accept', { call_id: id });
    await callee.request('ping');
    caller = await cluster.socket(cluster.process(0), doctor, session);
    (await caller.next('call_accept', 8_000)).data.should.eql({ call_id: id, user_id: patient });
    await signalsBothWays();
    callee.send('call_hangup', { call_id: id });
    await hasOneRecord('completed');
  });

  it('end with one record when the caller stays away', async () => {
    callee.send('call_accept', { call_id: id });
    await caller.next('call_accept');
    await signalsBothWays();
    await kill();
    await hasOneRecord('completed');
  });
}

eachSqlServer(
  'A call whose peer in another process has gone without a word',
  function (database) {
    let cluster: Cluster;

    before(async () => {
      cluster = await Cluster.start(database, 2);
      await cluster.users('D1', 'P1');
      await cluster.session('s', 'D1', 'P1');
    });
    after(async () => {
      await terminateAll();
      await cluster.stop();
    });

    it('goes on with the first signal of the next one', async () => {
      const caller = await cluster.socket(cluster.process(0), 'D1', 's');
      const gone = await connect(cluster.process(1).url, { autoPong: false });
      await gone.login(await cluster.login('P1'), 's');
      const { call_id: id } = (await caller.request('call_invite', { media: 'video' })).data;
      gone.send('call_accept', { call_id: id });
      await caller.next('call_accept');
      const back = await cluster.socket(cluster.process(0), 'P1', 's');
      back.send('call_signal', { call_id: id, signal: 'back' });
      (await caller.next('call_signal', 8_000)).data.signal.should.equal('back');
      (await gone.closed).code.should.equal(1006);
      caller.send('call_signal', { call_id: id, signal: 'welcome' });
      (await back.next('call_signal')).data.signal.should.equal('welcome');
    });
  },
  'redis',
);
