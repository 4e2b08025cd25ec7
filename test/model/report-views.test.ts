import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mysql from 'mysql2/promise';
import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { makeReportViews, REPORT_VIEWS } from '../../src/model/platform/report-views';
import { builtSource } from '../support/built-source';
import { eachSqlServer } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { TestServer } from '../support/server';
import { runOperatorCommand } from './operator-command';
import { rowsOf, run } from './platform-schema';
import { REPORT_FILES, REPORT_FOLDER } from './report-files';

let schemas = 0;

/** A name that no other suite has, and that is dropped with the database of `url`. */
function freshSchema(url: string): string {
  return `${new URL(url).pathname.slice(1)}-reports-${++schemas}`;
}

async function viewsIn(database: Database, schema: string): Promise<string[]> {
  const rows = await rowsOf(
    database,
    `select table_name as name, table_type as type from information_schema.tables where table_schema = '${schema}'`,
  );
  return rows.map(({ name, type }) => `${String(type)} ${String(name)}`).sort();
}

const NINE = REPORT_VIEWS.map((name) => `VIEW ${name}`).sort();

eachSqlServer('Views for the platform', (kind) => {
  let url: string;
  let server: TestServer;
  let database: Database;
  before(async () => {
    url = await kind.emptyUrl();
    server = await TestServer.start({ IM_DATABASE_URL: url });
    database = server.context.database;
    await server.users('D1', 'P1');
  });
  after(() => server.stop());

  const views = (schema: string, changes: Partial<typeof REPORT_FILES> = {}) =>
    makeReportViews(database, { schema, definitions: { ...REPORT_FILES, ...changes } });

  it("have our tables' columns, but for the openid, with times as DATETIME(3)", async () => {
    const schema = freshSchema(url);
    await views(schema);
    should(await viewsIn(database, schema)).eql(NINE);
    const columns = async (of: string) =>
      (
        await rowsOf(
          database,
          `select table_name as t, column_name as c, concat(data_type, '(', datetime_precision, ')') as type from information_schema.columns
            where table_schema = ${of} order by table_name, ordinal_position`,
        )
      ).filter(({ c, t }) => REPORT_VIEWS.includes(t as never) && c !== 'openid');
    const [ours, theirs] = [await columns('database()'), await columns(`'${schema}'`)];
    const names = (rows: typeof ours) => rows.map(({ c, t }) => `${String(t)}.${String(c)}`).sort();
    should(names(theirs)).eql(names(ours));
    const times = (rows: typeof ours) => names(rows.filter(({ type }) => type === 'datetime(3)'));
    should(times(theirs)).eql(times(ours));
    should(times(theirs).length).be.above(10);
  });

  it('show local times, whatever the time zone of who reads', async () => {
    const schema = freshSchema(url);
    await views(schema);
    await server.session('times', 1, 'D1', 'P1');
    await run(
      database,
      `update sessions set create_date = '2026-11-21 15:59:59.999', last_message_time = '2026-12-31 16:00:00.001' where id = 'times'`,
    );
    const client = await mysql.createConnection({ uri: url, dateStrings: true });
    for (const zone of ['+00:00', '-11:00', '+08:00']) {
      await client.query(`set time_zone = '${zone}'`);
      const [rows] = await client.query(
        `select create_date, last_message_time, last_content from \`${schema}\`.sessions where id = 'times'`,
      );
      should(rows).eql([
        {
          create_date: '2026-11-21 23:59:59.999',
          last_message_time: '2027-01-01 00:00:00.001',
          last_content: null,
        },
      ]);
    }
    await client.end();
  });

  it('show texts as they are, and objects as JSON', async () => {
    const schema = freshSchema(url);
    await views(schema);
    const texts = [
      '您好',
      '"quoted" \\ and \\n, no line break',
      'a\nb\tc\r\u0001\u001f\u007f',
      '👨‍👩‍👧 𠮷 é',
      '{"type":"object"}',
      '"',
      "'); drop table topics; -- %",
      '/ \\/ \\u0041 &lt;script&gt;',
      ' blanks ',
      '字'.repeat(5_000),
    ];
    const contents = [
      ...texts.map((content) => ({ type: 1, content })),
      { type: 0, content: '' },
      { type: 0, content: { notice: '通知 "1"', list: [1, null] } },
      { type: 2, content: { url: 'https://files.example.com/a.jpg' } },
    ];
    for (const [index, type] of [0, 1, 2, 3].entries()) {
      const id = `contents-${type}`;
      await server.session(id, type, 'D1', 'P1');
      const table = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'][index]!;
      for (const content of type === 1 ? contents : contents.slice(0, 2)) {
        const sent = await server
          .request('post', `/sessions/${id}/messages`)
          .send({ sender_id: content.type === 0 ? undefined : 'D1', ...content })
          .expect(201);
        const [row] = await rowsOf(
          database,
          `select content, sender_id, session_id from \`${schema}\`.${table} where id = ${sent.body.id}`,
        );
        const [session] = await rowsOf(
          database,
          `select last_content from \`${schema}\`.sessions where id = '${id}'`,
        );
        const shown = (value: unknown) =>
          typeof content.content === 'string' ? value : (JSON.parse(String(value)) as unknown);
        should(shown(row?.content)).eql(content.content);
        should(shown(session?.last_content)).eql(content.content);
      }
    }
  });

  it('made again replace their own alone', async () => {
    const schema = freshSchema(url);
    await run(
      database,
      `create database \`${schema}\``,
      `create table \`${schema}\`.own (id int)`,
      `create view \`${schema}\`.mine as select 1 as id`,
    );
    await views(schema);
    await views(schema, {
      doctors: REPORT_FILES.doctors.replace('d.name', `concat(d.name, '主任') as name`),
    });
    should(await viewsIn(database, schema)).eql(['BASE TABLE own', ...NINE, 'VIEW mine'].sort());
    should(await rowsOf(database, `select name from \`${schema}\`.doctors`)).eql([{ name: 'D1的名字主任' }]);
  });

  it('go on where they were cut off', async () => {
    const schema = freshSchema(url);
    await views(schema);
    await run(
      database,
      `create view \`${schema}\`.topics_im_new as select 1 as id`,
      `rename table \`${schema}\`.doctors to \`${schema}\`.doctors_im_old`,
    );
    await views(schema);
    should(await viewsIn(database, schema)).eql(NINE);
  });

  it('two at once come to the same', async () => {
    const schema = freshSchema(url);
    await Promise.all([views(schema), views(schema)]);
    should(await viewsIn(database, schema)).eql(NINE);
  });

  it('stay as they were when a file does not fit', async () => {
    const schema = freshSchema(url);
    await views(schema);
    const broken = { topics: REPORT_FILES.topics.replace('t.name', 't.title') };
    await should(views(schema, broken)).be.rejectedWith(/^The view topics can't be made: .*title/);
    await should(views(schema, { sessions: `${REPORT_FILES.sessions}; drop table topics` })).be.rejectedWith(
      /^The view sessions .*syntax/,
    );
    should(await viewsIn(database, schema)).eql(NINE);
    should((await rowsOf(database, `select name from \`${schema}\`.topics`)).length).equal(0);
  });

  const IN_THE_WAY = {
    'a table': ['create table $.topics (id int)', / has a table topics: /, ['BASE TABLE topics']],
    'a view of something else': [
      'create view $.topics as select 1 as id',
      / has a view topics /,
      ['VIEW topics'],
    ],
  } as const;
  for (const [title, [statement, message, left]] of Object.entries(IN_THE_WAY)) {
    it(`are refused where ${title} is in the way, before anything changes`, async () => {
      const schema = freshSchema(url);
      await run(database, `create database \`${schema}\``, statement.replace('$', `\`${schema}\``));
      await should(views(schema)).be.rejectedWith(message);
      should(await viewsIn(database, schema)).eql([...left]);
    });
  }

  for (const [title, name, message] of [
    ['our own schema', () => new URL(url).pathname.slice(1), /own schema/],
    ['our own schema, written otherwise', () => new URL(url).pathname.slice(1).toUpperCase(), /own schema/],
    ["the database server's own", () => 'mysql', /database server's own/],
    ['a name that breaks out of its quotes', () => 'a`; drop table sessions; --', /1 to 64/],
    ['an empty name', () => '', /1 to 64/],
  ] as const) {
    it(`are refused in ${title}`, async () => {
      const before = await viewsIn(database, new URL(url).pathname.slice(1));
      await should(views(name())).be.rejectedWith(message);
      should(await viewsIn(database, new URL(url).pathname.slice(1))).eql(before);
    });
  }
});

eachSqlServer('npm run report-views', (kind) => {
  let folder: string;
  let url: string;
  let database: Database;
  before(async function () {
    // The first to need it waits until all of src is translated.
    this.timeout(60_000);
    builtSource();
    folder = temporaryFolder('im-reports-');
    url = await kind.emptyUrl();
    database = openDatabase(url, { connections: 2 });
    await migrate(database);
  });
  after(async () => {
    await database.close();
    removeFolder(folder);
  });

  it('needs the URL of the database alone, in every profile, and takes files of the operator', async () => {
    const schema = freshSchema(url);
    const environment = { IM_DATABASE_URL: url, IM_PROFILE: 'prod', IM_PORT: 'http' };
    const done = await runOperatorCommand('report-views', [schema], environment);
    should(done).containEql({ status: 0, stderr: '' });
    should(done.stdout).match(new RegExp(`^${schema} has the views sessions, .* group_messages\\.\n$`));
    should(await viewsIn(database, schema)).eql(NINE);

    const edited = path.join(folder, 'edited');
    await mkdir(edited);
    for (const name of REPORT_VIEWS)
      await copyFile(path.join(REPORT_FOLDER, `${name}.sql`), path.join(edited, `${name}.sql`));
    await writeFile(path.join(edited, 'topics.sql'), REPORT_FILES.topics.replace('  t.description,\n', ''));
    const again = await runOperatorCommand('report-views', ['--from', edited, schema], environment);
    should(again).containEql({ status: 0, stderr: '' });
    await should(rowsOf(database, `select description from \`${schema}\`.topics`)).be.rejected();
  });

  it('ends with one line and a status where it is refused', async () => {
    const own = new URL(url).pathname.slice(1);
    const outcome = await runOperatorCommand('report-views', [own], { IM_DATABASE_URL: url });
    should(outcome).containEql({ status: 1, stdout: '' });
    should(outcome.stderr).equal(`${own} is the server's own schema: the views need another one.\n`);
  });

  for (const [title, args, environment, status, message] of [
    [
      'SQLite',
      ['reports'],
      { IM_DATABASE_URL: 'sqlite::memory:' },
      1,
      /^The views need MySQL or MariaDB: .*\n$/,
    ],
    ['no schema named', [], {}, 64, /^One schema is needed\.\nUsage: /],
    ['two schemas', ['a', 'b'], {}, 64, /^One schema is needed\.\nUsage: /],
    ['an unknown option', ['--keep', 'reports'], {}, 64, /--keep[^]*Usage: /],
    ['a wrong URL', ['reports'], { IM_DATABASE_URL: 'postgres://x' }, 78, /^IM_DATABASE_URL accepts .*\n$/],
    [
      'no database',
      ['reports'],
      { IM_DATABASE_URL: 'mysql://im:secret@127.0.0.1:1/im' },
      1,
      /^The database can't be reached: mysql:\/\/127\.0\.0\.1:1\/im .*\(ECONNREFUSED\)\n$/,
    ],
  ] as const) {
    it(`ends with ${status}: ${title}`, async () => {
      const outcome = await runOperatorCommand('report-views', args, environment);
      should(outcome).containEql({ status, stdout: '' });
      should(outcome.stderr).match(message);
      should(outcome.stderr).not.match(/ {4}at |secret/);
    });
  }
});
