import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import should from 'should';
import { openMysql } from '../../src/db/mysql/mysql-database';
import { statement } from '../../src/db/statement';
import { ChildServer } from '../support/child-server';
import { requireOrSkip } from '../support/databases';
import { type GaleraCluster, startGalera } from '../support/galera';
import { HttpClient } from '../support/http-client';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { waitUntil } from '../support/wait-until';

const SESSION = 's';
const SENDERS = 16;
const LOAD_MS = 5_000;
/** The load ends with it, however fast the machine is. */
const MOST_MESSAGES = 20_000;
/** Certification refuses one of two transactions that meet: the server says 503, and the sender repeats. */
const MOST_TRIES = 100;

/** Statements of a text that is cut off: enough for some milliseconds. */
const PARTS = 50;
const CUTTING_MS = 5_000;

interface Stored {
  id: number;
  timestamp: string;
  client_msg_id: string;
}

describe('Two processes on two nodes of a Galera cluster', function () {
  if (!requireOrSkip('galera', 'redis')) return;
  this.timeout(120_000);
  let cluster: GaleraCluster;
  let redis: PrivateRedis;
  let urls: readonly [string, string];
  const servers: ChildServer[] = [];
  const clients: HttpClient[] = [];
  /** By client_msg_id, what the server said that it has stored. */
  const answered = new Map<string, Stored>();
  /** How often each status came. */
  const statuses = new Map<number, number>();

  before(async () => {
    [cluster, redis] = await Promise.all([startGalera(), startRedis()]);
    urls = await cluster.createDatabase();
    // At once: the lease under which the schema is made holds on all nodes.
    const started = urls.map((url) =>
      ChildServer.start({
        IM_DATABASE_URL: url,
        IM_REDIS_URL: redis.url,
        IM_SEND_RATE: '1000000',
        IM_LOG_LEVEL: 'error',
      }),
    );
    servers.push(...(await Promise.all(started)));
    clients.push(...servers.map(({ url }) => new HttpClient(url)));
    const [rest] = clients as [HttpClient];
    const people = Array.from({ length: SENDERS }, (_none, index) => `D${index}`);
    for (const id of people) {
      (await rest.request('PUT', `/users/${id}`, { type: 'doctor', name: id })).status.should.equal(201);
    }
    const participants = people.map((id) => ({ id }));
    const made = await rest.request('POST', '/sessions', { id: SESSION, type: 1, name: 's', participants });
    made.status.should.equal(201);
    await sendForAWhile();
  });

  after(async () => {
    for (const client of clients) client.close();
    for (const server of servers) await server.end();
    await redis.remove();
    await cluster.remove();
  });

  async function sendForAWhile(): Promise<void> {
    const end = Date.now() + LOAD_MS;
    let sent = 0;
    const senders = Array.from({ length: SENDERS }, async (_none, index) => {
      const rest = clients[index % clients.length]!;
      for (let turn = 0; Date.now() < end && sent < MOST_MESSAGES; turn += 1) {
        sent += 1;
        await sendOnce(rest, `D${index}`, `${index}-${turn}`);
      }
    });
    await Promise.all(senders);
  }

  /** Sends until it is stored; with the same `client_msg_id`, as a client does. */
  async function sendOnce(rest: HttpClient, sender: string, key: string): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const { status, body } = await rest.send(SESSION, sender, {
        type: 1,
        content: key,
        client_msg_id: key,
      });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 201 || status === 200) {
        answered.set(key, body as Stored);
        return;
      }
    }
  }

  /** What a node has, once it has all that was committed on the other one. */
  async function storedOn(url: string): Promise<Stored[]> {
    const connection = await mysql.createConnection({ uri: url, dateStrings: true });
    try {
      await connection.query('set session wsrep_sync_wait = 1');
      const [rows] = await connection.query<mysql.RowDataPacket[]>(
        'select id, timestamp, client_msg_id from muc_messages where session_id = ? order by id',
        [SESSION],
      );
      return rows as unknown as Stored[];
    } finally {
      await connection.end();
    }
  }

  it('answer every send with 201, 200 or 503', () => {
    answered.size.should.be.above(100);
    should([...statuses.keys()].filter((status) => ![200, 201, 503].includes(status))).eql(
      [],
      `statuses: ${JSON.stringify([...statuses])}`,
    );
  });

  it('have stored all that they answered, once, and the same on both nodes', async () => {
    const [first, second] = [await storedOn(urls[0]), await storedOn(urls[1])];
    should(second).eql(first);
    const kept = new Map(first.map(({ client_msg_id: key, id }) => [key, id]));
    const lost = [...answered].filter(([key, { id }]) => kept.get(key) !== id).map(([key]) => key);
    const some = lost.slice(0, 5).join(', ');
    should(lost.length).equal(0, `of ${answered.size} messages are lost or have another id: ${some}`);
    should(first.length).equal(kept.size, 'a message is stored twice');
  });

  it('have given ids and times that rise strictly', async () => {
    const all = await storedOn(urls[0]);
    all.forEach(({ id, timestamp }, index) => {
      const before = all[index - 1];
      if (before === undefined) return;
      id.should.be.above(before.id);
      should(timestamp > before.timestamp).equal(
        true,
        `${id} at ${timestamp} comes after ${before.id} at ${before.timestamp}`,
      );
    });
  });

  it('show the same history by both doors', async () => {
    const histories = await Promise.all(
      clients.map(async (rest) => {
        const { body } = await rest.get(`/sessions/${SESSION}/messages?peek=1&limit=200`);
        return (body.items as Stored[]).map(({ id }) => id);
      }),
    );
    should(histories[1]).eql(histories[0]);
  });

  it('store all of a transaction or none of it, wherever the other node cuts it off', async () => {
    const [url, otherUrl] = await cluster.createDatabase();
    const database = openMysql(url, 2);
    const [here, there] = await Promise.all([url, otherUrl].map((each) => mysql.createConnection(each)));
    const end = Date.now() + CUTTING_MS;
    let stored = 0;
    let cutOff = 0;
    try {
      await here!.query('create table parts (id int primary key, n int not null)');
      const rows = Array.from({ length: PARTS + 1 }, (_none, id) => [id, 0]);
      await here!.query('insert into parts values ?', [rows]);
      await there!.query('set session wsrep_sync_wait = 15');
      // Row 0 is locked by each transaction; what the other node writes there wins.
      const cutting = (async () => {
        while (Date.now() < end) {
          await there!.query('update parts set n = n + 1 where id = 0');
          await sleep(Math.random() * 20);
        }
      })();
      const writes = rows.slice(1).map(([id]) => statement(`update parts set n = n + 1 where id = ${id}`));
      while (Date.now() < end) {
        try {
          await database.batchTransaction(async (run) => {
            await run([statement('select n from parts where id = 0 for update')]);
            await run(writes);
          });
          stored += 1;
        } catch (error) {
          database.dialect.isRetryable(error).should.equal(true, String(error));
          cutOff += 1;
        }
      }
      await cutting;
      const [parts] = await here!.query<mysql.RowDataPacket[]>('select n from parts where id > 0');
      should([...new Set(parts.map(({ n }) => n as number))]).eql([stored]);
      stored.should.be.above(20);
      cutOff.should.be.above(20);
    } finally {
      for (const connection of [here, there]) await connection!.end();
      await database.close();
    }
  });

  it('answer 503 while a node is not in its cluster (1047), and go on when it is', async () => {
    const [rest] = clients as [HttpClient];
    const [server] = servers as [ChildServer];
    const [survivor, lost] = cluster.nodes;
    const send = (key: string) => rest.send(SESSION, 'D0', { type: 1, content: 'x', client_msg_id: key });
    // Alone it has no majority.
    await lost.stop('SIGKILL');
    let status = 0;
    await waitUntil(
      async () => {
        const answer = await send('without the other');
        status = answer.status;
        should([200, 201, 503].includes(status)).equal(true, server.stdout);
        return status === 503;
      },
      30_000,
      () => `the node still takes messages: ${status}`,
    );
    const ready = async () => (await fetch(`${server.url}/health/ready`)).status;
    should(await ready()).equal(503);
    const root = await mysql.createConnection(survivor.base);
    await root.query("set global wsrep_provider_options = 'pc.bootstrap=true'");
    await root.end();
    await waitUntil(
      async () => (await ready()) === 200,
      15_000,
      () => 'it is not ready again',
    );
    should((await send('without the other')).status).be.oneOf(200, 201);
    for (const line of server.lines) line.should.not.startWith('[ERROR]');
    should(server.stderr).equal('');
  });
});
