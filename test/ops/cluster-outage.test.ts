import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { eachSqlServer, type TestDatabase } from '../support/databases';
import { ChildServer } from '../support/child-server';
import { waitUntil } from '../support/wait-until';
import { Cluster, idsOf, receives } from './cluster-fixture';

eachSqlServer('Several processes, in trouble', suite, 'redis');

function suite(this: Mocha.Suite, database: TestDatabase): void {
  this.timeout(70_000);
  let cluster: Cluster;
  let killedAt = 0;

  before(async () => {
    cluster = await Cluster.start(database, 3);
    await cluster.users('D1', 'D2', 'D3', 'P1', 'P2', 'P3');
    for (const id of ['s1', 's2']) await cluster.session(id, 'D1', 'D2', 'P1', 'P2');
  });
  after(() => cluster.stop());
  afterEach(async () => {
    cluster.redis.resume();
    await cluster.redis.start();
    await cluster.busIs('up');
  });

  async function storedIn(session: string): Promise<number[]> {
    const connection = await mysql.createConnection(cluster.environment.IM_DATABASE_URL!);
    try {
      const query = 'select id from muc_messages where session_id = ? order by id';
      const [rows] = await connection.query(query, [session]);
      return (rows as { id: number }[]).map(({ id }) => id);
    } finally {
      await connection.end();
    }
  }

  /**
   * Sends through all processes, one message after the other in each, while `during` runs.
   * @returns the ids, in order, and how many processes could not serve
   */
  async function sendingWhile(
    session: string,
    during: () => Promise<void>,
  ): Promise<{ ids: number[]; failed: number }> {
    const ids: number[] = [];
    let going = true;
    let failed = 0;
    const senders = cluster.processes.map(async (process) => {
      try {
        while (going) {
          ids.push(await cluster.send(session, 'D1', '在', process));
          await sleep(5);
        }
      } catch {
        failed += 1;
      }
    });
    try {
      await during();
    } finally {
      going = false;
      await Promise.all(senders);
    }
    return { ids: ids.sort((a, b) => a - b), failed };
  }

  // Before the others have a dead process whose last messages they look for.
  it('bring a repeated message to those who did not hear of it when its process died', async () => {
    const [a, b] = cluster.processes as [ChildServer, ChildServer];
    const here = await cluster.socket(a, 'P1', 's2');
    // What a process that dies right after its commit leaves behind: a message that nobody was told of.
    const body = { sender_id: 'D1', type: 1, content: '一次', client_msg_id: 'again' };
    const third = await ChildServer.start({ ...cluster.environment, IM_REDIS_URL: '' });
    const { body: message } = await cluster.request(third, 'POST', '/sessions/s2/messages', body);
    await third.end('SIGKILL');
    await here.expectNothing('message', 300);
    const again = await cluster.request(b, 'POST', '/sessions/s2/messages', body);
    again.status.should.equal(200);
    again.body.id.should.equal(message.id);
    (await here.next('message')).data.message.should.eql(message);
    await here.close();
  });

  it('go on without one that is killed, with its clients on the others', async () => {
    const [a, b, c] = cluster.processes as [ChildServer, ChildServer, ChildServer];
    const here = await cluster.socket(a, 'P1', 's1');
    const unbound = await cluster.socket(b, 'D2');
    await cluster.session('s3', 'D1', 'P3');
    const lost = await cluster.socket(c, 'P3', 's3');
    await cluster.sees('P3', true);
    const { failed } = await sendingWhile('s1', async () => {
      await sleep(200);
      cluster.processes.pop();
      await c.end('SIGKILL');
      killedAt = Date.now();
      await sleep(500);
    });
    failed.should.equal(1);
    (await lost.closed).code.should.equal(1006);
    await cluster.send('s1', 'D1', '最后');
    const stored = await storedIn('s1');
    await receives(here, 's1', stored);
    await receives(unbound, 's1', stored);
    for (const socket of [here, unbound]) {
      should(socket.isOpen).be.true();
      await socket.close();
    }
  });

  const outages: [string, () => Promise<void> | void, () => Promise<void> | void][] = [
    ['killed', () => cluster.redis.stop('SIGKILL'), () => cluster.redis.start()],
    ['frozen', () => cluster.redis.pause(), () => cluster.redis.resume()],
  ];
  for (const [what, leave, back] of outages) {
    it(`go on while Redis is ${what}, and make good what was missed`, async () => {
      const [a, b] = cluster.processes as [ChildServer, ChildServer];
      const session = `o-${what}`;
      const added = `o2-${what}`;
      const removed = `o3-${what}`;
      await cluster.session(session, 'D1', 'D2', 'P1', 'P2');
      await cluster.session(added, 'D1', 'P1');
      await cluster.session(removed, 'D1', 'D2', 'P2');
      const token = await cluster.login('D3');
      const onA = await cluster.socket(a, 'P1', session);
      const onB = await cluster.socket(b, 'P2', session);
      const unbound = await cluster.socket(b, 'D2');
      const goes = await cluster.socket(b, 'P2', removed);
      const revoked = await cluster.socket(b, 'D3', undefined, token);
      (await cluster.request(b, 'GET', '/users/D3', undefined, token)).status.should.equal(200);
      let second = 0;
      const { failed, ids } = await sendingWhile(session, async () => {
        await sleep(100);
        await leave();
        await cluster.busIs('down');
        await waitUntil(
          async () => !(await cluster.online(a, 'P2')),
          15_000,
          () => 'presence was not the own process’s',
        );
        // Its own sockets hear at once, and all requests are served.
        const own = await cluster.send(session, 'D1', '自己', a);
        // Pushed, and not found by the look at the database about every 5 s.
        await waitUntil(
          () => idsOf(onA, session).includes(own),
          4_000,
          () => 'the own process’s socket did not hear',
        );
        (await cluster.online(b, 'P2')).should.be.true();
        // What b can't hear of now.
        await cluster.ask('POST', '/users/logout', { user_id: 'D3' }, a);
        (await cluster.request(a, 'DELETE', `/sessions/${removed}/participants/P2`)).status.should.equal(204);
        (await cluster.request(a, 'DELETE', `/sessions/${removed}/participants/D2`)).status.should.equal(204);
        await cluster.ask('POST', `/sessions/${added}/participants`, { participants: [{ id: 'D2' }] }, a);
        await cluster.send(added, 'D1', '第一', a);
        await cluster.ask('PUT', '/users/D1', { type: 'doctor', name: `名-${what}` }, a);
        await sleep(2_500);
        // Caches are trusted for two seconds at the most.
        (await cluster.request(b, 'GET', '/users/D3', undefined, token)).status.should.equal(401);
        const named = await cluster.ask(
          'POST',
          `/sessions/${session}/messages`,
          { sender_id: 'D1', type: 1, content: '名' },
          b,
        );
        named.sender_name.should.equal(`名-${what}`);
        second = named.id as number;
        await back();
        await cluster.busIs('up');
      });
      failed.should.equal(0);
      (await revoked.closed).code.should.equal(4401);
      (await goes.closed).code.should.equal(4404);
      const all = [...ids, ...idsOf(onA, session).filter((id) => !ids.includes(id))].sort((x, y) => x - y);
      all.should.containEql(second);
      for (const socket of [onA, onB, unbound]) await receives(socket, session, all);
      // Who was added meanwhile hears what was sent since.
      const later = await cluster.send(added, 'D1', '第二', a);
      await waitUntil(
        () => idsOf(unbound, added).includes(later),
        10_000,
        () => 'the doctor who was added did not hear',
      );
      idsOf(unbound, added).should.have.length(2);
      const before = idsOf(unbound, removed).length;
      await cluster.send(removed, 'D1', '不在', a);
      await sleep(100);
      idsOf(unbound, removed).should.have.length(before);
      await cluster.sees('P2', true);
      for (const socket of [onA, onB, unbound]) {
        should(socket.isOpen).be.true();
        await socket.close();
      }
    });
  }

  it('start while Redis is away, and find the others later', async () => {
    await cluster.redis.stop();
    const late = await cluster.add();
    const socket = await cluster.socket(late, 'P1', 's1');
    await waitUntil(
      () => late.lines.some((line) => /^\[WARN\].*redis:\/\/127.*away/.test(line)),
      10_000,
      () => `no warning:\n${late.stdout}`,
    );
    late.lines[0]!.should.match(/^\[INFO\] app\.\w+\(\d+,\d+\): Starting IM server/);
    late.lines[1]!.should.match(/Configuration profile/);
    const own = await cluster.send('s1', 'D1', '自己', late);
    (await socket.next('message')).data.message.id.should.equal(own);
    await cluster.redis.start();
    await cluster.busIs('up');
    const other = await cluster.send('s1', 'D1', '别处', cluster.process(0));
    (await socket.next('message')).data.message.id.should.equal(other);
    await cluster.sees('P1', true);
    for (const { stderr, stdout } of cluster.processes) {
      stderr.should.equal('');
      stdout.should.not.match(/:test@|\[ERROR\]/);
    }
    await socket.close();
    await cluster.sees('P1', false);
  });

  it('take the users of a killed process for gone within 45 s', async () => {
    await cluster.sees('P3', false, Math.max(1, 45_000 - (Date.now() - killedAt)));
  });
}
