import { setTimeout as sleep } from 'node:timers/promises';
import should from 'should';
import { Retention } from '../../src/commands/maintenance/retention';
import { type Database } from '../../src/db/database';
import { toSqlTime } from '../../src/db/time';
import { configureLogger } from '../../src/logger';
import { eachDatabase, eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { countOf, KEEP_DAYS, LEASE, past } from './retention-fixture';

eachDatabase('Retention in several processes', (kind) => {
  let server: TestServer;
  let database: Database;

  before(async () => {
    configureLogger({ level: 'warn' });
    server = await TestServer.start({ IM_DATABASE_URL: await kind.freshUrl() });
    database = server.context.database;
    await server.users('P1', 'D1');
  });
  after(async () => {
    configureLogger({ level: 'info' });
    await server.stop();
  });
  beforeEach(() => database.kysely.deleteFrom('server_state').where('name', '=', LEASE).execute());

  const retention = () => new Retention({ database, retentionDays: KEEP_DAYS });
  const until = (condition: () => Promise<boolean>) =>
    waitUntil(condition, 15_000, () => 'it did not happen');

  async function leaseValue(): Promise<string | undefined> {
    const rows = await database.kysely
      .selectFrom('server_state')
      .selectAll()
      .where('name', '=', LEASE)
      .execute();
    return rows[0]?.value;
  }

  const others = () => Promise.all([retention().runOnce(), retention().runOnce(), retention().runOnce()]);
  const worked = (results: unknown[]) => results.filter((result) => result !== undefined).length;

  it('one at a time works, and none again for some hours', async () => {
    should(worked(await others())).equal(1);
    should(worked(await others())).equal(0);
  });

  it('goes on in another when one was killed', async () => {
    const lease = async (until: number) => {
      await database.kysely.deleteFrom('server_state').where('name', '=', LEASE).execute();
      const value = `${toSqlTime(until)} killed`;
      await database.kysely.insertInto('server_state').values({ name: LEASE, value }).execute();
    };
    await lease(Date.now() + 30_000);
    should(worked(await others())).equal(0);
    await lease(Date.now() - 1);
    should(worked(await others())).equal(1);
  });

  it('stops where it is when its server stops, and another finishes at once', async () => {
    await server.session('stopped', 1, 'P1', 'D1');
    await past(database, 'stopped', 'D1', Array<number>(2000).fill(90));
    const first = retention();
    const work = first.runOnce();
    await until(async () => (await countOf(database, 'stopped')) < 2000);
    await first.close();
    const removed = (await work)!.messages;
    should(removed).be.within(1, 1999);
    should(await countOf(database, 'stopped')).equal(2000 - removed);
    await until(async () => (await retention().runOnce()) !== undefined);
    should(await countOf(database, 'stopped')).equal(0);
  });

  it('leaves the work to the one that took the lease over', async () => {
    await server.session('lost', 1, 'P1', 'D1');
    await past(database, 'lost', 'D1', Array<number>(2000).fill(90));
    const work = retention().runOnce();
    await until(async () => (await countOf(database, 'lost')) < 2000);
    await database.kysely
      .updateTable('server_state')
      .set({ value: `${toSqlTime(Date.now() + 60_000)} another` })
      .where('name', '=', LEASE)
      .execute();
    should((await work)!.messages).be.below(2000);
    should(await countOf(database, 'lost')).be.above(0);
    should(await leaseValue()).endWith(' another');
  });

  it('begins by itself after the start', async () => {
    await server.session('by-itself', 1, 'P1', 'D1');
    await past(database, 'by-itself', 'D1', [90]);
    const own = new Retention({ database, retentionDays: KEEP_DAYS, firstLookMs: 20 });
    own.start();
    const inAnHour = toSqlTime(Date.now() + 60 * 60_000);
    await until(async () => ((await leaseValue()) ?? '') > inAnHour);
    await own.close();
    should(await countOf(database, 'by-itself')).equal(0);
  });
});

eachSqlServer('Retention beside a recall', (kind) => {
  let server: TestServer;
  let database: Database;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await kind.freshUrl() });
    database = server.context.database;
    await server.users('P1', 'D1');
  });
  after(() => server.stop());

  const firstFree = (id: number) =>
    database.kysely
      .selectFrom('muc_messages')
      .select('id')
      .where('id', '=', id)
      .forUpdate()
      .skipLocked()
      .execute();

  // Retention deletes in the order of the ids, and waits at the one that is held.
  for (const [title, held, recalled] of [
    ['that has not come to the message yet', 0, 1],
    ['that has deleted the message, and is not committed', 1, 0],
  ] as const) {
    it(`${title}: nothing is left of what was said`, async () => {
      const session = `raced-${held}`;
      await server.session(session, 1, 'P1', 'D1');
      const ids = await past(database, session, 'P1', [90, 89]);
      await database.kysely.deleteFrom('server_state').where('name', '=', LEASE).execute();
      const retention = new Retention({ database, retentionDays: KEEP_DAYS });
      const [removed, status] = await database.kysely
        .transaction()
        .execute(async (trx) => {
          await trx
            .selectFrom('muc_messages')
            .select('id')
            .where('id', '=', ids[held]!)
            .forUpdate()
            .execute();
          const work = retention.runOnce();
          // It has come to the first one, or waits for it.
          await waitUntil(
            async () => (await firstFree(ids[0]!)).length === 0,
            20_000,
            () => 'retention did not begin',
          );
          const recall = server.request('delete', `/sessions/${session}/messages/${ids[recalled]!}`);
          const answered = recall.then(({ status }) => status);
          // One is answered before retention goes on; the other one waits for it.
          await (recalled === 1 ? answered : sleep(500));
          return [work, answered] as const;
        })
        .then((both) => Promise.all(both));
      should(removed?.messages).equal(2);
      should(status).equal(recalled === 1 ? 200 : 404);
      should(await countOf(database, session)).equal(0);
      for (const table of ['recalls', 'recalled_messages'] as const)
        should(
          await database.kysely.selectFrom(table).selectAll().where('session_id', '=', session).execute(),
        ).eql([]);
    });
  }
});
