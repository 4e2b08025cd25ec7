import should from 'should';
import mysql from 'mysql2/promise';
import { ChildServer } from '../support/child-server';
import { eachOwnSqlServer, eachSqlServer } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { linesPrintedBy } from '../support/log-lines';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

const LINE = /^\[(ERROR|WARN|INFO|DEBUG)\] [\w.-]+\.[jt]s\(\d+,\d+\): .+$/;

/** What a server says that is there and can't serve now. */
const PASSING = [
  [1047, "Galera's node is not in its cluster"],
  [1180, 'a commit that its cluster did not take'],
  [3100, "group replication's node is not in its group"],
  [1290, 'read-only'],
  [1792, 'read-only'],
  [1836, 'read-only'],
  [1053, 'it is shutting down'],
  [1226, 'an account has too many connections'],
] as const;

/** What may succeed when it is tried again. */
const RETRIED = [
  [3101, 'lost against another member of the group'],
  [4031, 'the connection was closed for idleness'],
  [1213, 'a deadlock'],
] as const;

eachSqlServer('What a database says that can not serve now', function (database) {
  this.timeout(60_000);
  let server: TestServer;
  let rest: HttpClient;
  let other: mysql.Connection;

  before(async () => {
    const url = await database.freshUrl();
    server = await TestServer.start({ IM_DATABASE_URL: url });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
    rest = new HttpClient(server.url);
    other = await mysql.createConnection(url);
    // The database itself answers every message with the error that this table names.
    await other.query('create table errors_of_a_test (errno int not null)');
    await other.query(`create trigger refuses before insert on group_messages for each row begin
      declare number int default (select max(errno) from errors_of_a_test);
      if number is not null then signal sqlstate '45000' set mysql_errno = number; end if;
    end`);
  });
  after(async () => {
    rest.close();
    await other.end();
    await server.stop();
  });

  const refuse = (errno: number) => other.query('insert into errors_of_a_test values (?)', [errno]);
  const accept = () => other.query('delete from errors_of_a_test');
  let topics = 0;
  /** Through the writer, and through a transaction of the other pool. */
  const both = async () => {
    const id = `t${++topics}`;
    const answers = await Promise.all([
      rest.send('s', 'D', { type: 1, content: 'x' }),
      rest.request('POST', `/sessions/${id}/topics`, { session_id: 's', user_id: 'P', name: id }),
    ]);
    if (answers[1].status === 201)
      await rest.request('PUT', `/sessions/s/topics/${id}/ended`, { user_id: 'P' });
    return answers;
  };

  for (const [errno, title] of PASSING) {
    it(`${errno} (${title}) is answered with 503, and nothing of it stays`, async () => {
      const lines = await linesPrintedBy(async () => {
        await refuse(errno);
        try {
          for (const { body, status } of await both()) should([status, body.code]).eql([503, 'unavailable']);
        } finally {
          await accept();
        }
        for (const { status } of await both()) should(status).equal(201);
      });
      for (const line of lines) line.should.match(LINE).and.not.match(/^\[ERROR\]/);
    });
  }

  for (const [errno, title] of RETRIED) {
    it(`${errno} (${title}) is tried again`, async () => {
      await refuse(errno);
      const answers = both();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await accept();
      for (const { status } of await answers) should(status).equal(201);
    });
  }

  it('1226: connections that an account does not get are waited for, at the start too', async () => {
    const url = new URL(server.context.config.databaseUrl);
    const schema = url.pathname.slice(1);
    const account = `'im_${schema.slice(-10)}'@'%'`;
    await other.query(`create user ${account} identified by 'im-of-a-test' with max_user_connections 3`);
    try {
      await other.query(`grant all on \`${schema}\`.* to ${account}`);
      url.username = account.split("'")[1]!;
      url.password = 'im-of-a-test';
      const holders = await Promise.all([1, 2, 3].map(() => mysql.createConnection(url.href)));
      let child: TestServer | undefined;
      const lines = await linesPrintedBy(async (printed) => {
        const begun = TestServer.start({ IM_DATABASE_URL: url.href });
        await waitUntil(
          () => printed().some((line) => /trying again.*1226/.test(line)),
          15_000,
          () => `it does not wait: ${printed().join('\n')}`,
        );
        for (const holder of holders) await holder.end();
        child = await begun;
        const client = new HttpClient(child.url);
        const answers = await Promise.all(
          Array.from({ length: 30 }, (_, n) =>
            client.request('PUT', `/users/x${n}`, { type: 'doctor', name: 'x' }),
          ),
        );
        client.close();
        for (const { status } of answers) should(status).be.oneOf(201, 503);
        should(answers.some(({ status }) => status === 201)).be.true();
        await child.stop();
      });
      for (const line of lines) line.should.match(LINE).and.not.match(/^\[ERROR\]/);
    } finally {
      await other.query(`drop user ${account}`);
    }
  });
});

eachOwnSqlServer('The way a database is set up', function (start) {
  this.timeout(120_000);
  let sqlServer: PrivateSqlServer;

  before(async () => {
    sqlServer = await start();
  });
  after(() => sqlServer.remove());

  async function restart(...more: string[]): Promise<string> {
    await sqlServer.stop();
    await sqlServer.start(more);
    return await sqlServer.createDatabase();
  }

  it('with binlog_format=STATEMENT is refused in one plain line', async () => {
    const url = await restart('--log-bin=binlog', '--server-id=1', '--binlog-format=STATEMENT');
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', IM_DATABASE_URL: url });
    should(await server.exited).eql({ code: 1, signal: null });
    should(server.lines.at(-1)).match(
      /^\[ERROR\] app\.js\(\d+,\d+\): the server can't start: binlog_format=STATEMENT can not log what .*ROW.*$/,
    );
    should(server.stderr).equal('');
    for (const line of server.lines) line.should.match(LINE);
  });

  it('needs no GET_LOCK, which clusters forbid', async () => {
    const url = await restart('--general-log=ON', '--log-output=TABLE');
    const servers = await Promise.all([1, 2].map(() => TestServer.start({ IM_DATABASE_URL: url })));
    for (const each of servers) await each.stop();
    const connection = await mysql.createConnection(sqlServer.base);
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `select sum(argument like '%get\\_lock%' and argument not like '%general\\_log%') as locks,
         sum(argument like 'create table%') as steps from mysql.general_log`,
    );
    await connection.end();
    should([Number(rows[0]?.locks), Number(rows[0]?.steps) > 10]).eql([0, true]);
  });

  it('that ends idle connections after a second costs no answer and no line in another form', async () => {
    const url = await restart('--wait-timeout=1', '--interactive-timeout=1');
    const server = await ChildServer.start({ IM_DATABASE_URL: url });
    const rest = new HttpClient(server.url);
    try {
      for (let turn = 0; turn < 3; turn += 1) {
        const answers = await Promise.all(
          ['D1', 'D2', 'D3', 'D4'].map((id) =>
            rest.request('PUT', `/users/${id}`, { type: 'doctor', name: id }),
          ),
        );
        for (const { status } of answers) should(status).be.oneOf(200, 201);
        await new Promise((resolve) => setTimeout(resolve, 1_500));
      }
    } finally {
      rest.close();
      await server.end();
    }
    for (const line of server.lines) line.should.match(LINE);
    should(server.lines.filter((line) => line.startsWith('[ERROR]'))).eql([]);
    should(server.stderr).equal('');
  });

  it('and then stopped says its last words in no other form', async () => {
    const url = await restart();
    const server = await ChildServer.start({ IM_DATABASE_URL: url });
    const rest = new HttpClient(server.url);
    try {
      await Promise.all(
        ['D1', 'D2', 'D3', 'D4'].map((id) =>
          rest.request('PUT', `/users/${id}`, { type: 'doctor', name: id }),
        ),
      );
      await sqlServer.stop();
      should((await rest.get('/users/D1')).status).equal(503);
      await sqlServer.start();
      await waitUntil(
        async () => (await rest.get('/users/D1')).status === 200,
        15_000,
        () => 'it does not come back',
      );
    } finally {
      rest.close();
      await server.end();
    }
    for (const line of server.lines) line.should.match(LINE).and.not.match(/^\[ERROR\]/);
    should(server.stderr).equal('');
  });
});
