import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { makePlatformViews, type PlatformViewsPlan } from '../../src/model/platform/platform-views';
import { findUser, profilesAreViews } from '../../src/model/users';
import { eachSqlServer } from '../support/databases';
import { NAMES, ownTables, platform, rowsOf, run, SHIPPED } from './platform-schema';

async function kind(database: Database, table: string): Promise<string> {
  const [found] = await rowsOf(
    database,
    `select table_type as type from information_schema.tables where table_schema = database() and table_name = '${table}'`,
  );
  return found === undefined ? 'absent' : found.type === 'VIEW' ? 'view' : 'table';
}

eachSqlServer('Views onto the platform', (server) => {
  let url: string;
  let database: Database;

  before(async () => {
    url = await server.freshUrl();
    database = openDatabase(url);
    await migrate(database);
  });
  after(() => database.close());

  const views = (schema: string, changes: Partial<PlatformViewsPlan> = {}) =>
    makePlatformViews(database, { schema, definitions: SHIPPED, keep: false, ...changes });

  describe('Whatever the collation of the platform', () => {
    before(async () => {
      await ownTables(database);
      await run(
        database,
        `insert into sessions (id, type, name, business_type, create_date, clock_time) values ('S1', 1, 's', 2, now(3), now(3))`,
        `insert into participants (session_id, participant_id, type, last_fetch_time)
          values ('S1', 'D1', 'doctor', now(3)), ('S1', 'd1', 'doctor', now(3)), ('S1', 'P1', 'patient', now(3))`,
        `insert into topics (id, session_id, name, create_time, start_message_id) values ('T1', 'S1', 't', now(3), 1)`,
      );
    });
    after(() => run(database, 'delete from sessions', 'delete from participants', 'delete from topics'));

    for (const collation of [
      'utf8mb4_general_ci',
      'utf8mb4_unicode_ci',
      'utf8mb4_bin',
      'utf8mb3_general_ci',
      'gbk_chinese_ci',
    ]) {
      it(`${collation}: profiles are mapped, statements join, look-ups use the platform's index`, async () => {
        const schema = await platform(database, collation);
        await views(schema);

        should(await findUser(database.kysely, 'D1')).eql({
          type: 'doctor',
          id: 'D1',
          name: '张医生',
          sex: 1,
          birthdate: '1970-02-28',
          avatar: 'https://photos.example.com/d1.png',
          openid: null,
        });
        should(await findUser(database.kysely, 'd1')).be.undefined();
        const nobody = { type: 'patient', sex: 0, birthdate: null, avatar: null, openid: null };
        should(await findUser(database.kysely, 'P2')).eql({ ...nobody, id: 'P2', name: 'P2' });
        should(await findUser(database.kysely, 'P3')).eql({ ...nobody, id: 'P3', name: '长'.repeat(100) });
        should((await findUser(database.kysely, 'P1'))?.openid).equal('openid-P1');

        const joined = await rowsOf(
          database,
          `select s.id,p.participant_id,d.* from participants p,sessions s,doctors d
            where s.id='S1' and s.id = p.session_id and (d.id = p.participant_id)`,
        );
        should(joined.map(({ name, participant_id: id }) => [id, name])).eql([['D1', '张医生']]);
        const consults = await rowsOf(
          database,
          `select t.id, c.title, c.admin_team_code, d.name from topics t join wlyy_consults c on c.code = t.id
            join doctors d on d.id = c.doctor join patients p on p.id = c.patient`,
        );
        should(consults).eql([{ id: 'T1', title: '头疼', admin_team_code: 7, name: '张医生' }]);

        for (const [view, id] of [
          ['doctors', 'D1'],
          ['patients', 'P1'],
        ] as const) {
          for (const condition of [`id = '${id}'`, `id in ('${id}', 'elsewhere', 'nowhere')`]) {
            const plan = await rowsOf(
              database,
              `explain format = traditional select id, name, openid from ${view} where ${condition}`,
            );
            should(plan.map(({ key }) => key)).eql(['code'], `${view} where ${condition}`);
            should(Number(plan[0]?.rows)).be.belowOrEqual(3);
          }
        }
      });
    }
  });

  describe('Replacing what is there', () => {
    let schema: string;
    before(async () => {
      schema = await platform(database);
    });
    beforeEach(() => ownTables(database));

    const kinds = async () =>
      Object.fromEntries(
        await Promise.all(NAMES.map(async (name) => [name, await kind(database, name)] as const)),
      );
    const ALL_VIEWS = { doctors: 'view', patients: 'view', wlyy_consults: 'view' };
    const OWN = { doctors: 'table', patients: 'table', wlyy_consults: 'absent' };

    it('puts the empty tables aside, and can be run again', async () => {
      should(await profilesAreViews(database.kysely, database.dialect)).be.false();
      await views(schema);
      should(await kinds()).eql(ALL_VIEWS);
      should(await kind(database, 'doctors_own')).equal('table');
      should(await profilesAreViews(database.kysely, database.dialect)).be.true();
      should(await views(schema)).eql([]);
      should(await kinds()).eql(ALL_VIEWS);
    });

    it('moves to another schema', async () => {
      await views(schema);
      const other = await platform(database);
      await run(database, `update \`${other}\`.wlyy_doctor set name = '新名字' where code = 'D1'`);
      await views(other);
      should((await findUser(database.kysely, 'D1'))?.name).equal('新名字');
    });

    it('refuses to replace profiles, unless they are to be kept', async () => {
      await run(database, `insert into patients (id, name) values ('P9', '自己的')`);
      await should(views(schema)).be.rejectedWith(/^patients hold profiles .*--keep.* patients_own/);
      should(await kinds()).eql(OWN);
      should(await views(schema, { keep: true })).containEql(
        "The server's own table patients is now patients_own.",
      );
      should(await kinds()).eql(ALL_VIEWS);
      should(await rowsOf(database, 'select id from patients_own')).eql([{ id: 'P9' }]);
      should(await findUser(database.kysely, 'P9')).be.undefined();
    });

    it('never overwrites what was kept before', async () => {
      await run(
        database,
        'create table doctors_own like doctors',
        `insert into doctors_own (id, name) values ('D8', 'kept')`,
      );
      await should(views(schema, { keep: true })).be.rejectedWith(/^doctors_own is where/);
      should(await kinds()).eql(OWN);
      should(await rowsOf(database, 'select id from doctors_own')).eql([{ id: 'D8' }]);
    });

    it('takes the place of an empty table that lies where ours would go', async () => {
      await run(
        database,
        'create table doctors_own like doctors',
        'alter table doctors_own add column mark int',
      );
      await views(schema);
      should(await kinds()).eql(ALL_VIEWS);
      should(await rowsOf(database, `show columns from doctors_own like 'mark'`)).eql([]);
    });

    for (const [title, statements] of Object.entries({
      'after the first view was made': ['create view doctors_new as select 1 as id'],
      'before the views it replaces were dropped': [
        'create view doctors_old as select 1 as id',
        'create view wlyy_consults_old as select 1 as code',
      ],
      'after one table alone was put aside': ['rename table doctors to doctors_own'],
    })) {
      it(`goes on where it was cut off: ${title}`, async () => {
        await run(database, ...statements);
        await views(schema);
        should(await kinds()).eql(ALL_VIEWS);
        for (const name of NAMES) {
          should(await kind(database, `${name}_new`)).equal('absent');
          should(await kind(database, `${name}_old`)).equal('absent');
        }
      });
    }

    for (const [title, edit, message] of [
      [
        'a column that the platform lacks',
        (text: string) => text.replace('p.photo', 'p.portrait'),
        /^patients\.sql .*portrait/,
      ],
      [
        'a column that we need and miss',
        (text: string) => text.replace('as openid', 'as wechat'),
        /^patients\.sql .*openid/,
      ],
      ['several statements', (text: string) => `${text}; drop table sessions`, /^patients\.sql .*syntax/],
    ] as const) {
      it(`leaves all as it was when a file holds ${title}`, async () => {
        const changed = { ...SHIPPED, patients: edit(SHIPPED.patients) };
        await should(views(schema, { definitions: changed })).be.rejectedWith(message);
        should(await kinds()).eql(OWN);
        should(await kind(database, 'doctors_new')).equal('absent');
        should(await kind(database, 'sessions')).equal('table');
      });
    }

    it('says when a look-up would read the whole table', async () => {
      const unindexed = await platform(database);
      await run(database, `alter table \`${unindexed}\`.wlyy_patient drop key code`);
      should(await views(unindexed)).containEql(
        "Looking up a id in patients reads all of it: give the platform's column an index.",
      );
    });

    for (const [title, name, message] of [
      ['no such schema', 'nowhere', /no schema nowhere/],
      ['a name that breaks out of its quotes', 'a`; drop table sessions; --', /1 to 64/],
      ['an empty name', '', /1 to 64/],
      ['65 characters', 'a'.repeat(65), /1 to 64/],
    ] as const) {
      it(`refuses ${title}`, async () => {
        await should(views(name)).be.rejectedWith(message);
        should(await kinds()).eql(OWN);
      });
    }

    it("refuses the server's own schema", async () => {
      await should(views(new URL(url).pathname.slice(1))).be.rejectedWith(/own schema/);
    });

    it('two at once come to the same', async () => {
      await Promise.all([views(schema), views(schema)]);
      should(await kinds()).eql(ALL_VIEWS);
    });
  });
});
