import should from 'should';
import { readFileSync } from 'node:fs';
import { createPool } from 'mysql2';
import mysql from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { MysqlConnections } from '../../src/db/mysql/mysql-connections';
import { openDatabase } from '../../src/db/database';
import { eachSqlServer } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { Way } from '../support/way';

const LIMITS = { checkAfterMs: 100, checkMs: 1_000, closeAfterMs: 1_500 };
/** For those that are not to be closed, however long the machine is busy. */
const KEPT = { ...LIMITS, closeAfterMs: 60_000 };
const CONNECTIONS = 5;

eachSqlServer('Connections that nobody uses', function (database) {
  let url: string;
  let way: Way;
  let pools: MysqlConnections[] = [];

  before(async () => {
    url = await database.freshUrl();
  });
  beforeEach(async () => {
    way = await Way.to(Number(new URL(url).port));
  });
  afterEach(async () => {
    await Promise.all(pools.map((each) => new Promise((resolve) => each.end(resolve))));
    pools = [];
    way.close();
  });

  function connections(limits = LIMITS): MysqlConnections {
    const { hostname, password, pathname, username } = new URL(url);
    const pool = new MysqlConnections(
      false,
      () =>
        createPool({
          host: hostname,
          port: way.port,
          user: username,
          password,
          database: pathname.slice(1),
          connectionLimit: CONNECTIONS,
          gracefulEnd: true,
        }),
      limits,
    );
    pools.push(pool);
    return pool;
  }

  /** Uses so many connections at once. @returns their ids in the server */
  async function use(pool: MysqlConnections, count: number): Promise<number[]> {
    const lent = await Promise.all(Array.from({ length: count }, () => pool.lend()));
    const ids = await Promise.all(
      lent.map(async (each) => ((await each.ask('select connection_id() as id')) as [{ id: number }])[0].id),
    );
    for (const each of lent) each.release();
    return ids.sort();
  }

  it('are used again while they are young', async () => {
    const pool = connections({ ...KEPT, checkMs: 8_000 });
    const ids = await use(pool, CONNECTIONS);
    should(await use(pool, CONNECTIONS)).eql(ids);
    await sleep(LIMITS.checkAfterMs + 50);
    // They are asked first, and are there.
    should(await use(pool, CONNECTIONS)).eql(ids);
    should(way.connections).equal(CONNECTIONS);
  });

  it('are found out when the network has forgotten them, all by the first one, before anything is sent on them', async () => {
    const pool = connections(KEPT);
    await use(pool, CONNECTIONS);
    await sleep(LIMITS.checkAfterMs + 50);
    way.cut();
    const since = performance.now();
    should(await use(pool, CONNECTIONS)).have.length(CONNECTIONS);
    // One check for all that wait together, not one after the other.
    (performance.now() - since).should.be.below(KEPT.checkMs * CONNECTIONS);
    should(way.connections).equal(2 * CONNECTIONS);
  });

  it('are closed in good order after a while', async () => {
    const pool = connections();
    const ids = await use(pool, CONNECTIONS);
    const watcher = await mysql.createConnection(url);
    try {
      await waitUntil(
        async () => {
          const [rows] = await watcher.query<mysql.RowDataPacket[]>(
            'select id from information_schema.processlist where id in (?)',
            [ids],
          );
          return rows.length === 0;
        },
        15_000,
        () => 'they stay open',
      );
    } finally {
      await watcher.end();
    }
    should(await use(pool, 1)).have.length(1);
  });

  it('may be ended by the database meanwhile: nobody hears of it, and others take their place', async () => {
    const pool = connections();
    const ids = await use(pool, CONNECTIONS);
    const watcher = await mysql.createConnection(url);
    try {
      for (const id of ids) await watcher.query('kill ?', [id]);
      // Until after the look for those that were idle for too long. An error that nobody hears would end the process.
      await sleep(LIMITS.closeAfterMs * 1.5);
    } finally {
      await watcher.end();
    }
    const others = await use(pool, CONNECTIONS);
    others.should.have.length(CONNECTIONS);
    for (const id of ids) others.should.not.containEql(id);
  });

  it('are kept alive by TCP every 60 s', async function () {
    if (process.platform !== 'linux') this.skip();
    const target = new URL(url);
    target.port = String(way.port);
    const opened = openDatabase(target.href, { connections: 2 });
    try {
      await opened.ping();
      const timers = readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(
          ([, , remote]) =>
            remote?.endsWith(`:${way.port.toString(16).toUpperCase().padStart(4, '0')}`) === true,
        )
        .map((words) => (words[5] ?? '').split(':'));
      should(timers.length).equal(1);
      const [kind, ticks] = timers[0]!;
      // 2: the keep-alive timer, in hundredths of a second.
      should(kind).equal('02');
      Number.parseInt(ticks ?? '', 16).should.be.within(4_000, 6_500);
    } finally {
      await opened.close();
    }
  });

  it('and one that was lost says so to every query, with a code', async () => {
    const lent = await connections().lend();
    should(await lent.ask('select 1')).be.ok();
    way.shut();
    for (const _ of [1, 2])
      await lent.ask('select 1').should.be.rejectedWith({ code: 'PROTOCOL_CONNECTION_LOST' });
    lent.destroy();
  });

  it('and those in use are no more than IM_DATABASE_CONNECTIONS', async () => {
    for (const limit of [2, 3, 6]) {
      const fresh = await database.freshUrl();
      const server = await TestServer.start({
        IM_DATABASE_URL: fresh,
        IM_DATABASE_CONNECTIONS: String(limit),
      });
      const rest = new HttpClient(server.url);
      const watcher = await mysql.createConnection(url);
      try {
        await server.users('D', 'P');
        await server.session('s', 3, 'D', 'P');
        let most = 0;
        const over = new AbortController();
        const watching = (async () => {
          while (!over.signal.aborted) {
            const [rows] = await watcher.query<mysql.RowDataPacket[]>(
              'select count(*) as count from information_schema.processlist where db = ?',
              [new URL(fresh).pathname.slice(1)],
            );
            most = Math.max(most, Number(rows[0]?.count));
          }
        })();
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, n) =>
            n % 2 === 0
              ? rest.send('s', 'D', { type: 1, content: 'x' })
              : rest.request('PUT', `/users/x${n}`, { type: 'doctor', name: 'x' }),
          ),
        );
        over.abort();
        await watching;
        for (const { status } of answers) should(status).equal(201);
        most.should.be.within(1, limit);
      } finally {
        rest.close();
        await watcher.end();
        await server.stop();
      }
    }
  });
});
