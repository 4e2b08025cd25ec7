import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { Acknowledgements } from '../../src/commands/notices/acknowledgements';
import { databaseNow } from '../../src/db/clock';
import { type Database, openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { fromSqlTime } from '../../src/db/time';
import { createMetrics } from '../../src/metrics';
import { eachDatabase } from '../support/databases';
import { waitUntil } from '../support/wait-until';

const TIME = '2026-01-01 00:00:00.000';
const ACK_TIMEOUT_MS = 5_000;
const GROUPS = 5;
const GROUP = 12;
const EVERY_MS = 60;

eachDatabase('Acknowledgements', (kind) => {
  let database: Database;

  before(async () => {
    database = openDatabase(await kind.freshUrl(), { connections: 4 });
    await migrate(database);
  });
  after(() => database.close());
  beforeEach(async () => {
    await database.kysely.deleteFrom('notices').execute();
  });

  const acknowledgements = () => new Acknowledgements(database, ACK_TIMEOUT_MS, createMetrics(), ['wechat']);

  /** A notice that waits, of each of these messages, for each of these patients. */
  async function notices(patients: readonly string[], messages: readonly number[]): Promise<void> {
    const rows = patients.flatMap((patient) =>
      messages.map((message) => ({
        channel: 'wechat' as const,
        session_id: 's',
        message_id: message,
        user_id: patient,
        state: 'pending' as const,
        create_time: TIME,
        update_time: TIME,
        due_time: TIME,
      })),
    );
    await database.kysely.insertInto('notices').values(rows).execute();
  }

  const rowsOf = (state: 'pending' | 'delivered') =>
    database.kysely.selectFrom('notices').selectAll().where('state', '=', state).orderBy('id').execute();

  const allDelivered = (count: number) =>
    waitUntil(
      async () => (await rowsOf('delivered')).length === count,
      20_000,
      () => `${count} notices are delivered`,
    );

  it('each wait from their own arrival: a busy moment is not written all at once', async () => {
    const patients = Array.from({ length: GROUPS * GROUP }, (_, n) => `P${n}`);
    await notices(patients, [1, 2]);
    const acks = acknowledgements();
    const came: number[] = [];
    for (let group = 0; group < GROUPS; group += 1) {
      came.push(fromSqlTime(await databaseNow(database.kysely, database.dialect)));
      for (const patient of patients.slice(group * GROUP, (group + 1) * GROUP)) acks.add('s', patient, 2);
      await sleep(EVERY_MS);
    }
    await allDelivered(patients.length * 2);
    const rows = await rowsOf('delivered');
    const times = new Set(rows.map((row) => row.update_time));
    times.size.should.be.aboveOrEqual(2);
    for (const row of rows) {
      const group = Math.floor(Number(row.user_id.slice(1)) / GROUP);
      const waited = fromSqlTime(row.update_time) - came[group]!;
      waited.should.be.aboveOrEqual(acks.gatherMs / 2);
    }
    await acks.close();
  });

  it('of one patient and session are written once in the time, up to the newest message', async () => {
    await notices(['P'], [1, 2, 3, 4, 5]);
    const acks = acknowledgements();
    for (const message of [1, 4]) acks.add('s', 'P', message);
    await sleep(acks.gatherMs / 10);
    for (const message of [2, 3]) acks.add('s', 'P', message);
    await allDelivered(4);
    const rows = await rowsOf('delivered');
    should(rows.map((row) => row.message_id)).eql([1, 2, 3, 4]);
    new Set(rows.map((row) => row.update_time)).size.should.equal(1);
    await acks.close();
  });

  it('are all written before the process ends, more than one statement takes too', async () => {
    const patients = Array.from({ length: 230 }, (_, n) => `P${n}`);
    await notices(patients, [1]);
    const acks = acknowledgements();
    for (const patient of patients) acks.add('s', patient, 1);
    await acks.close();
    (await rowsOf('pending')).length.should.equal(0);
  });
});
