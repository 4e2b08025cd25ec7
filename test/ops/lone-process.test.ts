import should from 'should';
import { LoneProcess } from '../../src/commands/maintenance/lone-process';
import { openDatabase } from '../../src/db/database';
import { migrate } from '../../src/db/migrate';
import { ChildServer } from '../support/child-server';
import { eachSqlServer, requireOrSkip } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { waitUntil } from '../support/wait-until';

const WARNING =
  /^\[WARN\] lone-process\.[jt]s\(\d+,\d+\): another process uses this database, .*IM_REDIS_URL/;

eachSqlServer('Processes without Redis on one database', function (database) {
  this.timeout(60_000);

  const warnings = (server: ChildServer) => server.lines.filter((line) => WARNING.test(line));

  it('are warned of: the second one says so at its start, once', async () => {
    const url = await database.freshUrl();
    const first = await ChildServer.start({ IM_DATABASE_URL: url });
    const second = await ChildServer.start({ IM_DATABASE_URL: url });
    try {
      await waitUntil(
        () => warnings(second).length > 0,
        20_000,
        () => `the second one does not warn: ${second.stdout}`,
      );
    } finally {
      await Promise.all([first.end(), second.end()]);
    }
    should([warnings(first).length, warnings(second).length]).eql([0, 1]);
  });

  it('are none where one takes the place of another that was killed', async () => {
    const url = await database.freshUrl();
    await (await ChildServer.start({ IM_DATABASE_URL: url })).end('SIGKILL');
    const next = await ChildServer.start({ IM_DATABASE_URL: url });
    // Longer than it takes to see a lease renewed.
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    await next.end();
    should(warnings(next)).eql([]);
  });

  it('are warned of again after an hour, by all but the first', async () => {
    const shared = openDatabase(await database.freshUrl());
    await migrate(shared);
    const WARN_EVERY_MS = 200;
    const processes = Array.from({ length: 3 }, () => new LoneProcess(shared, 30, WARN_EVERY_MS));
    const count = (lines: string[]) => lines.filter((line) => WARNING.test(line)).length;
    const since = performance.now();
    try {
      const lines = await linesPrintedBy(async (printed) => {
        for (const each of processes) each.start();
        // Two warn: one of them again, at least.
        await waitUntil(
          () => count(printed()) >= 3,
          20_000,
          () => `${count(printed())} of 3 warnings came`,
        );
        await processes[0]?.close();
      });
      const turns = 1 + (performance.now() - since) / WARN_EVERY_MS;
      count(lines).should.be.belowOrEqual(2 * turns);
    } finally {
      for (const each of processes) await each.close();
      await shared.close();
    }
  });

  describe('and others with Redis', () => {
    if (!requireOrSkip('redis')) return;
    let redis: PrivateRedis;
    before(async () => {
      redis = await startRedis();
    });
    after(() => redis.remove());

    it('are not warned of', async () => {
      const environment = { IM_DATABASE_URL: await database.freshUrl(), IM_REDIS_URL: redis.url };
      const servers = await Promise.all([1, 2].map(() => ChildServer.start(environment)));
      await new Promise((resolve) => setTimeout(resolve, 4_500));
      await Promise.all(servers.map((each) => each.end()));
      for (const each of servers) should(warnings(each)).eql([]);
    });
  });
});
