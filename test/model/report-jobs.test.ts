import mysql from 'mysql2/promise';
import should from 'should';
import { type Database } from '../../src/db/database';
import { makePlatformViews } from '../../src/model/platform/platform-views';
import { makeReportViews } from '../../src/model/platform/report-views';
import { type TopicStatistics } from '../../src/model/topic-statistics';
import { eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';
import { platform, rowsOf, run, SHIPPED } from './platform-schema';
import { REPORT_FILES } from './report-files';
import { readPage, type Row } from './sql-page';

const { statements } = readPage();
const JOBS = [18, 19, 20, 21] as const;
const SPAN = 'from=2026-11-21T17:00:00%2B08:00&to=2026-11-22T17:00:00%2B08:00';

/** In UTC; 09:00 is 17:00 in Shanghai, and 16:00 is midnight there. [session, create_time, reply_time, reply, status] */
const TOPICS = [
  // On both sides of 17:00, where the span begins and ends.
  ['s1', '2026-11-21 08:59:59.999', null, 0, 0],
  ['s1', '2026-11-21 09:00:00.000', null, 0, 0],
  ['s2', '2026-11-22 08:59:59.999', null, 0, 0],
  ['s2', '2026-11-22 09:00:00.000', null, 0, 0],
  // On both sides of midnight.
  ['s1', '2026-11-21 15:59:59.999', null, 0, 0],
  ['s1', '2026-11-21 16:00:00.000', null, 0, 0],
  ['s1', '2026-11-21 10:00:00.000', '2026-11-21 15:59:59.999', 1, 10],
  ['s1', '2026-11-21 10:00:00.000', '2026-11-21 16:00:00.000', 1, 10],
  ['s2', '2026-11-21 09:00:00.000', '2026-11-21 09:00:00.999', 1, 10],
  ['s2', '2026-11-21 09:00:00.000', '2026-11-21 09:00:01.000', 1, 0],
  ['s2', '2026-11-21 16:00:00.500', '2026-11-22 16:00:00.499', 1, 10],
  ['s2', '2026-11-21 16:00:00.500', '2026-11-22 16:00:00.500', 1, 10],
  ['s2', '2026-11-21 16:00:00.000', null, 0, 10],
  ['s2', '2026-11-21 16:00:00.000', null, 1, 10],
  // Neither a consultation nor with a patient.
  ['team', '2026-11-21 16:00:00.000', null, 0, 0],
  ['team', '2026-11-21 16:00:00.000', '2026-11-21 17:00:00.000', 1, 10],
  // One of two, with a patient.
  ['two', '2026-11-21 16:00:00.000', null, 0, 0],
  ['two', '2026-11-21 16:00:00.000', '2026-11-21 18:00:00.000', 1, 10],
] as const;
/** As the column of a platform's table may be. */
const COLLATIONS = ['utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'utf8mb4_bin', 'utf8mb3_general_ci'] as const;

eachSqlServer("The platform's nightly jobs", (kind) => {
  const reader = `reader_${process.pid}`;
  let server: TestServer;
  let database: Database;
  let reports: string;
  let client: mysql.Connection;

  before(async () => {
    const url = await kind.freshUrl();
    server = await TestServer.start({ IM_DATABASE_URL: url });
    database = server.context.database;
    reports = `${new URL(url).pathname.slice(1)}-reports`;
    await server.users('D1', 'D2', 'd1', 'P1', 'P2');
    await server.session('s1', 1, 'D1', 'P1');
    await server.session('s2', 1, 'D1', 'd1', 'P2');
    await server.session('team', 3, 'D1', 'D2');
    await server.session('two', 2, 'D2', 'P1');
    await database.kysely
      .insertInto('topics')
      .values(
        TOPICS.map(([session, create, replied, reply, status], index) => ({
          id: `Topic-${index}`,
          session_id: session,
          name: '咨询',
          status,
          reply,
          reply_time: replied,
          create_time: create,
          start_message_id: 1,
          open_session_id: null,
        })),
      )
      .execute();
    await makeReportViews(database, { schema: reports, definitions: REPORT_FILES });
    await run(
      database,
      `create user ${reader} identified by 'reader'`,
      `grant select on \`${reports}\`.* to ${reader}`,
    );
    const readers = new URL(url);
    [readers.username, readers.password, readers.pathname] = [reader, 'reader', ''];
    client = await mysql.createConnection({
      uri: readers.href,
      dateStrings: true,
      decimalNumbers: true,
      charset: 'utf8mb4_general_ci',
    });
    // A server far away.
    await client.query(`set time_zone = '-05:00'`);
  });
  after(async () => {
    await client.end();
    await run(database, `drop user ${reader}`);
    await server.stop();
  });

  const job = async (number: number, platformSchema = 'wlyy'): Promise<Row[]> => {
    const statement = statements
      .get(number)!
      .replaceAll('reports.', `\`${reports}\`.`)
      .replaceAll('wlyy.', `\`${platformSchema}\`.`);
    return (await client.query(statement))[0] as Row[];
  };
  const statistics = async (query: string) => {
    const { body } = await server.request('get', `/sessions/topics/statistics?${SPAN}&${query}`).expect(200);
    return body as TopicStatistics;
  };
  async function compareUnreplied(): Promise<void> {
    const rows = await job(18);
    const expected: Row[] = [];
    for (const doctor of ['D1', 'D2', 'd1']) {
      const { body } = await server.request('get', `/users/${doctor}`).expect(200);
      const { waiting: unreplied } = await statistics(`user_id=${doctor}&type=1`);
      if (unreplied > 0) expected.push({ id: doctor, name: body.name, unreplied });
    }
    should(expected.map(({ id, unreplied }) => [id, unreplied])).eql([
      ['D1', 4],
      ['d1', 1],
    ]);
    should([...rows].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))).eql(expected);
  }

  it('are all on the page', () => {
    for (const number of JOBS) should(statements.get(number)).be.a.String();
  });

  it('18: unreplied, from 17:00 to 17:00, by doctor', compareUnreplied);

  it('19: answered within a day, but for an answer in the same second', async () => {
    const [row] = await job(19);
    const inOneSecond = TOPICS.filter(
      ([, from, to]) => to !== null && Date.parse(to) - Date.parse(from) < 1000,
    ).length;
    const { replied_within: within } = await statistics('business_type=2');
    should(inOneSecond).equal(1);
    should(within['86400']).equal(6);
    should(row).eql({ answered: within['86400'] - inOneSecond });
  });

  it('20: the hour of the first answer', async () => {
    const { replies_by_hour: hours } = await statistics('');
    const found = Array.from({ length: 24 }, () => 0);
    for (const row of await job(20)) found[Number(row.reply_hour)] = Number(row.number);
    should(found).eql(hours);
    should(hours[23]).equal(1);
    should(hours[0]).equal(3);
  });

  for (const collation of COLLATIONS) {
    it(`21: the mean score, whose table is of ${collation}; and a join with the platform's doctors`, async () => {
      const wlyy = await platform(database, collation);
      const options = `charset ${collation.split('_')[0]} collate ${collation}`;
      const scored = TOPICS.map((_, index) => `('Topic-${index}', ${(index % 5) + 1})`).join(', ');
      await run(
        database,
        `create table \`${wlyy}\`.wlyy_evaluate_score (id int auto_increment primary key, consult varchar(50), score int) ${options}`,
        `insert into \`${wlyy}\`.wlyy_evaluate_score (consult, score) values ${scored}, ('topic-1', 100), ('elsewhere', 100)`,
        `grant select on \`${wlyy}\`.* to ${reader}`,
      );
      const { started } = await statistics('');
      const inSpan = TOPICS.flatMap(([, create], index) =>
        create >= '2026-11-21 09' && create < '2026-11-22 09' ? [(index % 5) + 1] : [],
      );
      should(inSpan.length).equal(started);
      const [row] = await job(21, wlyy);
      should(row?.number).equal(started);
      should(Number(row?.mean)).be.approximately(
        inSpan.reduce((sum, each) => sum + each, 0) / started,
        0.0001,
      );
      const [doctors] = await client.query(
        `select distinct w.code, w.name from \`${reports}\`.participants p join \`${wlyy}\`.wlyy_doctor w on w.code = p.participant_id`,
      );
      should(doctors).eql([{ code: 'D1', name: '张医生' }]);
    });
  }

  it('have no right to anything of ours, and see no openid', async () => {
    const [own] = await rowsOf(database, 'select database() as name');
    await should(client.query(`select 1 from \`${String(own?.name)}\`.topics`)).be.rejectedWith(/denied/);
    await should(client.query(`select openid from \`${reports}\`.patients`)).be.rejectedWith(/openid/);
    await should(client.query(`update \`${reports}\`.topics set reply = 1`)).be.rejectedWith(/denied/);
  });

  it("see the platform's profiles where ours are views onto them", async () => {
    const wlyy = await platform(database);
    await run(
      database,
      `delete from \`${wlyy}\`.wlyy_doctor where code = 'D1'`,
      `insert into \`${wlyy}\`.wlyy_doctor (code, name) select id, name from doctors`,
      `insert into \`${wlyy}\`.wlyy_patient (code, name) select id, name from patients where id not in ('P1', 'P2')`,
    );
    await makePlatformViews(database, { schema: wlyy, definitions: SHIPPED, keep: true });
    await compareUnreplied();
    const [patients] = await client.query(`select name from \`${reports}\`.patients where id = 'P1'`);
    should(patients).eql([{ name: '王病人' }]);
  });
});
