import { existsSync } from 'node:fs';
import Redis from 'ioredis';
import mysql from 'mysql2/promise';
import should from 'should';
import { openDatabase } from '../../src/db/database';
import { migrate, SCHEMA_STEPS } from '../../src/db/migrate';
import { eachDatabase, eachOwnSqlServer, eachSqlServer, requireOrSkip } from './databases';
import { hasMySqlServer } from './private-mysql';
import { type PrivateRedis, startRedis } from './private-redis';
import { type PrivateSqlServer } from './private-sql-server';
import { sharedServer } from './shared-servers';
import { dropDatabases } from './sql-server';

async function rows(url: string, sql: string): Promise<unknown> {
  const connection = await mysql.createConnection(url);
  try {
    return (await connection.query(sql))[0];
  } finally {
    await connection.end();
  }
}

eachSqlServer('the server that all suites share', (database) => {
  it('is one for all, and gives a new database each time', async () => {
    const urls = await Promise.all([database.emptyUrl(), database.emptyUrl()]);
    urls[0].should.not.equal(urls[1]);
    new URL(urls[0]).host.should.equal(new URL(urls[1]).host);
    await rows(urls[0], 'create table t (id int)');
    ((await rows(urls[1], 'show tables')) as unknown[]).should.eql([]);
    ((await rows(urls[0], 'select @@character_set_database as charset')) as unknown[]).should.eql([
      { charset: 'utf8mb4' },
    ]);
  });

  it('gives tables as all steps of the schema make them', async () => {
    const definitions = async (url: string) => {
      const database = openDatabase(url);
      try {
        await migrate(database);
      } finally {
        await database.close();
      }
      const tables = (await rows(url, 'show tables')) as Record<string, string>[];
      return await Promise.all(
        tables.map(async (row) => await rows(url, `show create table ${Object.values(row)[0]}`)),
      );
    };
    const steps = (url: string) => rows(url, 'select name from kysely_migration order by name');
    const [copied, made] = await Promise.all([database.freshUrl(), database.emptyUrl()]);
    should(await steps(copied)).eql(Object.keys(SCHEMA_STEPS).map((name) => ({ name })));
    const found = await definitions(copied);
    found.length.should.be.above(20);
    found.should.eql(await definitions(made));
  });

  it('is of the kind that its name says', async () => {
    const [found] = (await rows(await database.freshUrl(), 'select version() as version')) as {
      version: string;
    }[];
    /mariadb/i.test(found!.version).should.equal(database.name === 'mariadb');
  });
});

eachOwnSqlServer('a server of its own', function (start) {
  this.timeout(60_000);
  let server: PrivateSqlServer;
  before(async () => {
    server = await start();
  });
  after(async () => {
    await server.remove();
    existsSync(server.data).should.be.false();
  });

  it('is nobody else’s', async () => {
    for (const name of ['mariadb', 'mysql'] as const) {
      if (name === 'mysql' && !hasMySqlServer()) continue;
      new URL((await sharedServer(name)).url('x')).port.should.not.equal(String(server.port));
    }
  });

  it('loses its databases of this run, and no others', async () => {
    const url = await server.createDatabase();
    await rows(server.base, 'create database imtest_202001010000_abcdef_1_1');
    await rows(server.base, 'create database imtest_209901010000_abcdef_1_1');
    await rows(server.base, 'create database imtest_of_somebody');
    await dropDatabases(server.base);
    await rows(url, 'select 1').should.be.rejectedWith({ code: 'ER_BAD_DB_ERROR' });
    ((await rows(server.base, "show databases like 'imtest%'")) as object[])
      .flatMap((row) => Object.values(row) as string[])
      .should.eql(['imtest_209901010000_abcdef_1_1', 'imtest_of_somebody']);
  });
});

eachOwnSqlServer('a durable server of its own', function (start) {
  this.timeout(60_000);

  it('keeps port and data over a stop, and over a kill', async () => {
    const server = await start({ durable: true });
    try {
      const url = await server.createDatabase();
      await rows(url, 'create table t (id int primary key)');
      ((await rows(url, 'select @@time_zone as zone')) as unknown[]).should.eql([{ zone: '+00:00' }]);
      for (const [id, signal] of [
        [1, 'SIGTERM'],
        [2, 'SIGKILL'],
      ] as const) {
        await rows(url, `insert into t values (${id})`);
        const { pid } = server;
        await server.stop(signal);
        should(server.pid).be.undefined();
        await rows(url, 'select 1').should.be.rejected();
        await server.start();
        server.pid!.should.not.equal(pid);
      }
      ((await rows(url, 'select id from t order by id')) as unknown[]).should.eql([{ id: 1 }, { id: 2 }]);
    } finally {
      await server.remove();
    }
  });
});

describe('the private Redis', () => {
  if (!requireOrSkip('redis')) return;
  let server: PrivateRedis;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.remove());

  it('comes back on its port, empty, and can be frozen', async () => {
    const client = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    try {
      await client.set('a', '1');
      await server.flush();
      should(await client.get('a')).be.null();
      await client.set('a', '1');
      await server.stop();
      should(server.pid).be.undefined();
      await server.start();
      should(await client.get('a')).be.null();
      server.pause();
      const answer = client.ping();
      const first = await Promise.race([
        answer,
        new Promise((resolve) => setTimeout(resolve, 100, 'nothing')),
      ]);
      should(first).equal('nothing');
      server.resume();
      (await answer).should.equal('PONG');
    } finally {
      client.disconnect();
    }
  });
});

let sqliteFolder: string | undefined;

eachDatabase(
  'fresh databases',
  (database) => {
    it('have a URL each', async () => {
      const urls = [await database.freshUrl(), await database.freshUrl()];
      urls[0]!.should.not.equal(urls[1]);
      const form =
        database.name === 'sqlite'
          ? /^sqlite:(\/.*\/)im\.db$/
          : /^mysql:\/\/root.*@[\w.]+:\d+\/imtest_\d{12}_[0-9a-f]{6}_\d+_\d+$/;
      sqliteFolder ??= form.exec(urls[0]!)?.[1];
      urls[1]!.should.match(form);
    });
  },
  { sqlite: 'file' },
);

describe('the folder of the SQLite files', () => {
  it('is removed after the suite', () => {
    sqliteFolder!.should.containEql('im-sqlite-');
    existsSync(sqliteFolder!).should.be.false();
  });
});
