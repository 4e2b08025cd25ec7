import { existsSync } from 'node:fs';
import Redis from 'ioredis';
import mysql from 'mysql2/promise';
import should from 'should';
import { eachDatabase, requireOrSkip } from './databases';
import { privateMariaDb, startMariaDb } from './private-mariadb';
import { privateRedis } from './private-redis';

async function rows(url: string, sql: string): Promise<unknown> {
  const connection = await mysql.createConnection(url);
  try {
    return (await connection.query(sql))[0];
  } finally {
    await connection.end();
  }
}

describe('the private MariaDB', () => {
  requireOrSkip('mariadb');

  it('is one for all, and gives a new database each time', async () => {
    const [first, second] = await Promise.all([privateMariaDb(), privateMariaDb()]);
    first!.should.equal(second);
    const urls = await Promise.all([first!.createDatabase(), first!.createDatabase()]);
    urls[0].should.not.equal(urls[1]);
    await rows(urls[0], 'create table t (id int)');
    ((await rows(urls[1], 'show tables')) as unknown[]).should.eql([]);
    (
      (await rows(urls[0], 'select @@time_zone as zone, @@character_set_database as charset')) as unknown[]
    ).should.eql([{ zone: '+00:00', charset: 'utf8mb4' }]);
  });

  it('keeps port and data over a stop, and over a kill when durable', async () => {
    const server = await startMariaDb({ durable: true });
    try {
      const url = await server.createDatabase();
      await rows(url, 'create table t (id int primary key)');
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
    existsSync(server.socket).should.be.false();
  });
});

describe('the private Redis', () => {
  requireOrSkip('redis');

  it('comes back on its port, empty, and can be frozen', async () => {
    const server = (await privateRedis())!;
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
          : /^mysql:\/\/root:.*@127\.0\.0\.1:\d+\/im_\d+$/;
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
