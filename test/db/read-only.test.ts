import should from 'should';
import mysql from 'mysql2/promise';
import { eachOwnSqlServer } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { linesPrintedBy } from '../support/log-lines';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

const ACCOUNT = { user: 'im', password: 'im-of-a-test' };

eachOwnSqlServer('A database that takes no writes', function (start) {
  this.timeout(60_000);
  let sqlServer: PrivateSqlServer;
  let root: mysql.Connection;
  let server: TestServer;
  let rest: HttpClient;

  before(async () => {
    sqlServer = await start();
    root = await mysql.createConnection(sqlServer.base);
    const url = new URL(await sqlServer.createDatabase());
    await root.query(`create user ${ACCOUNT.user}@'127.0.0.1' identified by '${ACCOUNT.password}'`);
    await root.query(`grant all on \`${url.pathname.slice(1)}\`.* to ${ACCOUNT.user}@'127.0.0.1'`);
    url.username = ACCOUNT.user;
    url.password = ACCOUNT.password;
    server = await TestServer.start({ IM_DATABASE_URL: url.href });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
    rest = new HttpClient(server.url);
  });

  after(async () => {
    rest.close();
    await server.stop();
    await root.end();
    await sqlServer.remove();
  });

  async function health(): Promise<{ status: number; database: string }> {
    const answer = await fetch(`${server.url}/health/ready`);
    const { parts } = (await answer.json()) as { parts: { database: string } };
    return { status: answer.status, database: parts.database };
  }

  const send = (key: string) => rest.send('s', 'D', { type: 1, content: 'x', client_msg_id: key });
  const startTopic = (id: string) =>
    rest.request('POST', `/sessions/${id}/topics`, { session_id: 's', user_id: 'P', name: 't' });
  const endTopic = (id: string) => rest.request('PUT', `/sessions/s/topics/${id}/ended`, { user_id: 'P' });

  async function ready(status: number): Promise<void> {
    await waitUntil(
      async () => (await health()).status === status,
      20_000,
      () => `ready was not ${status}`,
    );
  }

  async function shouldRefuseWrites(key: string): Promise<void> {
    for (const answer of await Promise.all([send(key), startTopic(`t-${key}`)])) {
      should([answer.status, answer.body.code]).eql([503, 'unavailable']);
    }
    await ready(503);
    should((await health()).database).equal('unavailable');
    should((await fetch(`${server.url}/health/live`)).status).equal(200);
    // Reading goes on.
    should((await rest.get('/sessions/s/messages?peek=1')).status).equal(200);
  }

  it('is told by 503, also by /health/ready, and used again when it takes them', async () => {
    should(await health()).eql({ status: 200, database: 'ok' });
    const lines = await linesPrintedBy(async () => {
      await root.query('set global read_only = 1');
      try {
        await shouldRefuseWrites('read-only');
      } finally {
        await root.query('set global read_only = 0');
      }
      await ready(200);
      should((await send('read-only')).status).be.oneOf(200, 201);
    });
    lines.filter((line) => line.startsWith('[ERROR]')).should.eql([]);
  });

  /** Connections opened from now on are read-only, as those to an old primary are after a failover; root's are not. */
  async function readOnlyFromNowOn(isReadOnly: boolean): Promise<void> {
    await root.query('set global init_connect = ?', [isReadOnly ? 'set session transaction read only' : '']);
  }

  async function endConnections(): Promise<void> {
    const [rows] = await root.query<mysql.RowDataPacket[]>(
      'select id from information_schema.processlist where user = ?',
      [ACCOUNT.user],
    );
    for (const { id } of rows) await root.query(`kill ${String(id)}`).catch(() => undefined);
  }

  it('leaves no connection behind that leads to it: they are not used again', async () => {
    await readOnlyFromNowOn(true);
    await linesPrintedBy(async () => {
      await endConnections();
      // All connections that the pools may have are of the old kind then.
      await waitUntil(
        async () => (await send('failover')).body.code === 'unavailable' && (await health()).status === 503,
        20_000,
        () => 'the connections are not read-only',
      );
      await Promise.all(Array.from({ length: 20 }, () => rest.get('/sessions/s/messages?peek=1')));
      await readOnlyFromNowOn(false);

      await ready(200);
      await waitUntil(
        async () => {
          const answers = await Promise.all([
            ...Array.from({ length: 20 }, (_, n) => send(`after ${n}`)),
            ...Array.from({ length: 10 }, () => rest.request('PUT', '/sessions/s/sticky', { user_id: 'D' })),
          ]);
          return answers.every(({ status }) => status < 300);
        },
        15_000,
        () => 'old connections are still used',
      );
    });
    should((await startTopic('after')).status).equal(201);
    should((await endTopic('after')).status).equal(200);
    for (let turn = 0; turn < 10; turn += 1) should((await health()).status).equal(200);
  });

  it('is waited for at the start', async () => {
    await root.query('set global read_only = 1');
    await linesPrintedBy(async (printed) => {
      const begun = TestServer.start({ IM_DATABASE_URL: server.context.config.databaseUrl });
      try {
        await waitUntil(
          () => printed().some((line) => /^\[WARN\] .*trying again: /.test(line)),
          15_000,
          () => `it does not wait: ${printed().join('\n')}`,
        );
      } finally {
        await root.query('set global read_only = 0');
        await (await begun).stop();
      }
    });
  });
});
