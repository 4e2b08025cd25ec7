import should from 'should';
import mysql from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { statusReader } from '../../src/commands/maintenance/status';
import { repeat } from '../../src/repeat';
import { eachSqlServer } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

describe('Work that is repeated', () => {
  it('does not begin again before it is done, and not after its end', async () => {
    let underWay = 0;
    let most = 0;
    let turns = 0;
    const end = repeat(5, async () => {
      most = Math.max(most, ++underWay);
      await sleep(40);
      underWay -= 1;
      turns += 1;
    });
    await waitUntil(
      () => turns >= 3,
      20_000,
      () => `${turns} turns`,
    );
    end();
    await waitUntil(
      () => underWay === 0,
      20_000,
      () => 'it does not end',
    );
    const before = turns;
    await sleep(60);
    should([most, turns]).eql([1, before]);
  });
});

eachSqlServer('A database that stands still', function (database) {
  this.timeout(60_000);
  let server: TestServer;
  let holder: mysql.Connection;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    holder = await mysql.createConnection(server.context.config.databaseUrl);
  });
  after(async () => {
    await holder.end();
    await server.stop();
  });

  async function underWay(text: string): Promise<number> {
    const [rows] = await holder.query<mysql.RowDataPacket[]>(
      'select info from information_schema.processlist where db = database() and id <> connection_id()',
    );
    return rows.filter(({ info }) => String(info).includes(text)).length;
  }

  it('is not asked again by /status and /health/ready while they wait for it', async () => {
    const status = statusReader(server.context, 20);
    should((await status()).sessions).eql({ total: 0, with_open_topic: 0 });
    const ready = () => fetch(`${server.url}/health/ready`).then((answer) => answer.status);
    should(await ready()).equal(200);
    await sleep(600);
    await linesPrintedBy(async () => {
      await holder.query('lock tables sessions write, server_state write');
      try {
        const asked = Array.from({ length: 12 }, async (_, n) => {
          await sleep(n * 150);
          return await Promise.all([status(), ready()]);
        });
        await sleep(1_600);
        should([await underWay('count('), await underWay('write-check')]).eql([1, 1]);
        for (const [{ sessions }, code] of await Promise.all(asked))
          should([sessions, code]).eql([null, 503]);
      } finally {
        await holder.query('unlock tables');
      }
    });
    await waitUntil(
      async () => (await ready()) === 200,
      20_000,
      () => 'it is not ready again',
    );
    should((await status()).sessions).eql({ total: 0, with_open_topic: 0 });
  });
});
