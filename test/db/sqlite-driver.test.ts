import should from 'should';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openDriver, type SqliteDriver } from '../../src/db/sqlite/sqlite-driver';
import { sqliteDialect } from '../../src/db/sqlite/sqlite-dialect';
import { ChildServer } from '../support/child-server';
import { HttpClient } from '../support/http-client';
import { APP_KEY } from '../support/keys';
import { removeFolder, temporaryFolder } from '../support/processes';

const load = createRequire(__filename);

function found(name: string): unknown {
  try {
    return load(name);
  } catch {
    return undefined;
  }
}

const only = (name: string) => (asked: string) => (asked === name ? found(name) : undefined);
const hasNodeSqlite = found('node:sqlite') !== undefined;
const NO_NODE_SQLITE = `this Node (${process.version}) has no node:sqlite`;

function isBuilt(): boolean {
  try {
    openDriver(':memory:', only('better-sqlite3')).close();
    return true;
  } catch {
    return false;
  }
}

const DRIVERS = [
  { name: 'better-sqlite3', isThere: isBuilt(), why: 'better-sqlite3 is not built for this Node' },
  { name: 'node:sqlite', isThere: hasNodeSqlite, why: NO_NODE_SQLITE },
];

for (const { isThere, name, why } of DRIVERS) {
  describe(`The embedded database by ${name}`, () => {
    if (!isThere) {
      it.skip(why, () => undefined);
      return;
    }
    let folder: string;
    let file: string;
    let driver: SqliteDriver;

    before(() => {
      folder = temporaryFolder('im-driver-');
      file = path.join(folder, 'im.db');
    });
    after(() => removeFolder(folder));
    beforeEach(() => {
      driver = openDriver(file, only(name));
      run('create table if not exists t (id integer primary key autoincrement, name text unique)');
      run('delete from t');
    });
    afterEach(() => driver.close());

    const run = (sql: string, ...values: unknown[]) => driver.prepare(sql).run(values);
    const failure = (work: () => unknown): unknown => {
      try {
        work();
      } catch (error) {
        return error;
      }
      throw new Error('it did not fail');
    };

    it('is named, and tells statements that give rows from others', () => {
      should(driver.name).equal(name);
      should(driver.prepare('insert into t (name) values (?)').reader).equal(false);
      for (const sql of [
        'select * from t',
        ' SELECT 1',
        'with x as (select 1) select * from x',
        'pragma journal_mode',
      ])
        should(driver.prepare(sql).reader).equal(true);
    });

    it('gives rows, new ids and texts as they are', () => {
      const text = '文本 😀 \u202e"\'';
      const first = run('insert into t (name) values (?), (?)', text, null);
      should(Number(first.changes)).equal(2);
      const statement = driver.prepare('select id, name from t where id >= ? order by id');
      const last = Number(first.lastInsertRowid);
      // Objects as those of the other databases, with their prototype.
      const rows = [
        { id: last - 1, name: text },
        { id: last, name: null },
      ];
      should(statement.all([last - 1])).eql(rows);
      should([...statement.iterate([0])]).eql(rows);
    });

    it('names its errors so that they can be told apart', () => {
      run('insert into t (name) values (?)', 'x');
      const unique = failure(() => run('insert into t (name) values (?)', 'x'));
      should(sqliteDialect.isUniqueViolation(unique)).be.true();
      should(
        sqliteDialect.isUniqueViolation(failure(() => run('insert into t (id) values (1), (1)'))),
      ).be.true();
      should(sqliteDialect.isUnavailable(failure(() => run('select * from nothing')))).be.false();

      const other = openDriver(file, only(name));
      other.prepare('begin immediate').run([]);
      const busy = failure(() => run('begin immediate'));
      should([sqliteDialect.isRetryable(busy), sqliteDialect.isUnavailable(busy)]).eql([true, true]);
      other.prepare('rollback').run([]);
      other.close();

      run('pragma query_only = 1');
      should(sqliteDialect.isUnavailable(failure(() => run("insert into t (name) values ('y')")))).be.true();
      should(sqliteDialect.isUnavailable(failure(() => openDriver(folder, only(name))))).be.true();
    });
  });
}

describe('The embedded database', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder('im-driver-');
  });
  after(() => removeFolder(folder));

  it('without a driver says in one sentence what to do', () => {
    (() => openDriver(':memory:', () => undefined)).should.throw(
      /^The embedded database needs Node 22\.13 .*npm rebuild better-sqlite3.*IM_DATABASE_URL/,
    );
  });

  /** Starts a server for which better-sqlite3 is built for another Node. */
  function withoutBetterSqlite(): ChildServer {
    const script = path.join(folder, 'not-built.js');
    const file = JSON.stringify(load.resolve('better-sqlite3'));
    writeFileSync(
      script,
      `require.cache[${file}] = { id: ${file}, filename: ${file}, loaded: true, exports: function () {
        throw Object.assign(new Error('built for another Node'), { code: 'ERR_DLOPEN_FAILED' });
      } };\n`,
    );
    const environment = { IM_PROFILE: 'test', IM_PORT: '0', IM_APP_KEY: APP_KEY };
    const url = { IM_DATABASE_URL: `sqlite:${path.join(folder, 'server.db')}` };
    return ChildServer.spawn({ ...environment, ...url }, folder, ['--require', script]);
  }

  it('of a server without a driver ends it with status 1 and that one line', async function () {
    if (hasNodeSqlite) return this.skip();
    const server = withoutBetterSqlite();
    should(await server.exited).eql({ code: 1, signal: null });
    should(server.lines.filter((line) => line.startsWith('[ERROR]'))).have.length(1);
    should(server.lines.at(-1)).match(
      /^\[ERROR\] app\.js\(\d+,\d+\): the server can't start: The embedded database needs Node 22\.13 .*$/,
    );
    should(server.stderr).equal('');
  });

  it("of a server is Node's own where better-sqlite3 is not built, and keeps what was answered", async function () {
    if (!hasNodeSqlite) return this.skip();
    for (const status of [201, 200]) {
      const server = withoutBetterSqlite();
      await server.listening();
      const rest = new HttpClient(server.url);
      try {
        const user = await rest.request('PUT', '/users/D', { type: 'doctor', name: '名字' });
        should(user.status).equal(status);
        const session = await rest.request('POST', '/sessions', {
          id: 's',
          type: 1,
          name: 's',
          participants: [{ id: 'D' }],
        });
        should(session.status).equal(status === 201 ? 201 : 409);
        const sent = await rest.send('s', 'D', { type: 1, content: 'x', client_msg_id: 'once' });
        should(sent.status).equal(status);
      } finally {
        rest.close();
        await server.end('SIGKILL');
      }
      should(server.lines[2]).match(/Database: sqlite:.*server\.db \(node:sqlite\), bus: memory/);
      should(server.stderr).equal('');
    }
  });
});
