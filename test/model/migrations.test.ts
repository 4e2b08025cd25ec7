import should from 'should';
import { type Kysely, sql } from 'kysely';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate, SCHEMA_STEPS } from '../../src/db/migrate';
import { ChildServer } from '../support/child-server';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

/** Every table with its columns, and every index with its own, as the database describes them. */
async function schemaOf({ dialect, kysely }: Database): Promise<string[]> {
  if (!dialect.hasSchemas) {
    const { rows } = await sql<{ sql: string }>`select type, name, sql from sqlite_master
      where name not like 'sqlite_%' and name not like 'kysely_%' order by type, name`.execute(kysely);
    return rows.map((row) => row.sql);
  }
  const columns = await sql<
    Record<string, unknown>
  >`select table_name as t, column_name as c, column_type as ty,
      is_nullable as n, column_default as d, collation_name as co, extra as e from information_schema.columns
    where table_schema = database() and table_name not like 'kysely%' order by table_name, column_name`.execute(
    kysely,
  );
  const indexes = await sql<
    Record<string, unknown>
  >`select table_name as t, index_name as i, seq_in_index as s,
      column_name as c, non_unique as u from information_schema.statistics
    where table_schema = database() and table_name not like 'kysely%' order by table_name, index_name, seq_in_index`.execute(
    kysely,
  );
  return [...columns.rows, ...indexes.rows].map((row) => JSON.stringify(row));
}

const CUTS: { title: string; undo: string[] }[] = [
  { title: 'before the last table', undo: ['drop table server_state'] },
  { title: 'between tables', undo: ['drop table topics', 'drop table notices', 'drop table server_state'] },
  {
    title: 'between a table and its indexes',
    undo: ['drop index notices_due', 'drop index topics_open', 'drop table server_state'],
  },
  {
    title: 'before an index in the middle',
    undo: ['drop index group_messages_client', 'drop index sessions_pair'],
  },
  { title: 'when all was done but noted', undo: [] },
];

/** The table that an index belongs to, which only MySQL wants to hear. */
function onTable(statement: string): string {
  const index = /^drop index (\w+)$/.exec(statement)?.[1];
  if (index === undefined) return statement;
  const table = /^(group_messages|sessions|notices|topics)/.exec(index)?.[1] ?? '';
  return `${statement} on ${table}`;
}

eachDatabase(
  'The schema',
  (database) => {
    let opened: Database[] = [];

    async function open(url?: string): Promise<Database> {
      const each = openDatabase(url ?? (await database.emptyUrl()));
      opened.push(each);
      return each;
    }

    afterEach(async () => {
      for (const each of opened) await each.close();
      opened = [];
    });

    it('is made in steps that run once', async () => {
      const each = await open();
      should(await migrate(each)).eql(Object.keys(SCHEMA_STEPS));
      const made = await schemaOf(each);
      made.length.should.be.above(20);
      should(await migrate(each)).eql([]);
      should(await schemaOf(each)).eql(made);
    });

    for (const { title, undo } of CUTS) {
      it(`is completed when it was cut off ${title}, and what was stored stays`, async () => {
        const each = await open();
        await migrate(each);
        const made = await schemaOf(each);
        await each.kysely.insertInto('doctors').values({ id: 'D', name: 'D' }).execute();
        for (const statement of undo) {
          await sql.raw(database.name !== 'sqlite' ? onTable(statement) : statement).execute(each.kysely);
        }
        await sql`delete from kysely_migration`.execute(each.kysely);
        should(await migrate(each)).eql(Object.keys(SCHEMA_STEPS));
        should(await schemaOf(each)).eql(made);
        const doctors = await each.kysely.selectFrom('doctors').select('id').execute();
        should(doctors).eql([{ id: 'D' }]);
      });
    }

    it('is brought up to date where it is of an earlier version, and its sessions take messages', async () => {
      const url = await database.emptyUrl();
      const each = await open(url);
      const db = each.kysely as unknown as Kysely<unknown>;
      for (const [name, step] of Object.entries(SCHEMA_STEPS))
        if (name < '0020') await step.up(db, each.dialect);
      const time = '2026-01-02 03:04:05.678';
      await each.kysely.insertInto('doctors').values({ id: 'D', name: 'D' }).execute();
      const session = {
        id: 's',
        type: 3,
        name: '会话',
        business_type: 1,
        create_date: time,
        clock_time: time,
      };
      await each.kysely.insertInto('sessions').values(session).execute();
      const member = { session_id: 's', participant_id: 'D', type: 'doctor' as const, last_fetch_time: time };
      await each.kysely.insertInto('participants').values(member).execute();
      await opened.pop()!.close();

      const server = await TestServer.start({ IM_DATABASE_URL: url });
      try {
        await server.send('s', 'D', 'one');
        const { kysely } = server.context.database;
        const { id, ...kept } = session;
        const after = await kysely
          .selectFrom('sessions')
          .select(['type', 'name', 'business_type', 'create_date', 'last_content'])
          .where('id', '=', id)
          .executeTakeFirstOrThrow();
        const { clock_time: _moved, ...wanted } = kept;
        should(after).eql({ ...wanted, last_content: '"one"' });
        const people = await kysely.selectFrom('participants').select(['type', 'last_fetch_time']).execute();
        people.map(({ type }) => type).should.eql(['doctor']);
      } finally {
        await server.stop();
      }
    });

    // A SQLite file is for one process.
    if (database.name !== 'sqlite') {
      it('is made by one of several processes that start at once', async function () {
        this.timeout(90_000);
        const url = await database.emptyUrl();
        const servers = await Promise.all(
          Array.from({ length: 3 }, () => ChildServer.start({ IM_DATABASE_URL: url, IM_LOG_LEVEL: 'debug' })),
        );
        const steps = servers.flatMap(({ lines }) => lines.filter((line) => line.includes('schema step')));
        should(steps.length).equal(Object.keys(SCHEMA_STEPS).length);
        for (const server of servers) {
          server.stderr.should.equal('');
          // They have no Redis, and those that take long to start hear of each other in the database.
          const faults = server.lines.filter(
            (line) => /^\[(WARN|ERROR)\]/.test(line) && !line.includes('another process uses this database'),
          );
          faults.should.eql([]);
          should(await server.end()).eql({ code: 0, signal: null });
        }
        const alone = await open();
        await migrate(alone);
        should(await schemaOf(await open(url))).eql(await schemaOf(alone));
      });
    }
  },
  { sqlite: 'file' },
);
