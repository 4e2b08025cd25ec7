import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { hasOpenssl } from './certificates';
import { hasGalera } from './galera';
import { hasMariaDb, startMariaDb } from './private-mariadb';
import { hasMySqlServer, startMySql } from './private-mysql';
import { hasRedis } from './private-redis';
import { type PrivateSqlServer, type SqlServerOptions } from './private-sql-server';
import { findProgram, removeFolder, temporaryFolder } from './processes';
import { createWithSchema } from './schema-copy';
import { hasMySql, noteOnce, sharedServer, type SqlServerName } from './shared-servers';

/**
 * The path of a Chromium that can be driven, or undefined. The shell is Chromium without a window's parts: a page costs it a
 * third of the time.
 */
export function chromiumPath(): string | undefined {
  return findProgram('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome');
}

export type Need = 'mariadb' | 'mysql' | 'galera' | 'redis' | 'chromium' | 'openssl';

const NEEDS: Record<Need, { title: string; remedy: string; isThere: () => boolean }> = {
  mariadb: { title: 'MariaDB', remedy: 'apt-get install mariadb-server', isThere: hasMariaDb },
  mysql: {
    title: 'MySQL',
    // Debian's stable releases have no package of it.
    remedy: "set IM_TEST_MYSQL_URL, or put Oracle's mysqld on the PATH",
    isThere: hasMySql,
  },
  galera: { title: 'Galera', remedy: 'apt-get install mariadb-server galera-4', isThere: hasGalera },
  redis: { title: 'Redis', remedy: 'apt-get install redis-server', isThere: hasRedis },
  openssl: { title: 'OpenSSL', remedy: 'apt-get install openssl', isThere: hasOpenssl },
  chromium: {
    title: 'Chromium',
    remedy: 'apt-get install chromium-headless-shell, or chromium',
    isThere: () => chromiumPath() !== undefined,
  },
};

/** MySQL is asked for by itself: a machine that has all that apt-get can install may still lack it. */
function isDemanded(need: Need): boolean {
  return process.env[need === 'mysql' ? 'IM_TEST_REQUIRE_MYSQL' : 'IM_TEST_REQUIRE_ALL'] === '1';
}

/**
 * For the top of a `describe`, which has to define nothing more where this gives false: something that it needs is not
 * installed. One test stands in for the suite. It is skipped, and one line for all such suites of the run says how to get
 * what is missing; with IM_TEST_REQUIRE_ALL=1 (MySQL: IM_TEST_REQUIRE_MYSQL=1) it fails instead.
 */
export function requireOrSkip(...needs: Need[]): boolean {
  const missing = needs.filter((need) => !NEEDS[need].isThere());
  for (const need of missing) {
    it(`needs ${NEEDS[need].title}`, async function () {
      const text = `${NEEDS[need].title} is not there: ${NEEDS[need].remedy}`;
      if (isDemanded(need)) throw new Error(text);
      await noteOnce(`Skipped: ${text}`);
      this.skip();
    });
  }
  return missing.length === 0;
}

export interface TestDatabase<Name = 'sqlite' | SqlServerName> {
  name: Name;
  /** The URL of a database of its own that nobody has used: it has its tables already, or gets them when it is opened. */
  freshUrl(): Promise<string>;
  /** The same of an empty one, without any table. */
  emptyUrl(): Promise<string>;
}

const SQL_SERVER_NAMES = ['mariadb', 'mysql'] as const;

/**
 * Defines the same suite once a database. `sqlite: 'file'` gives files in a temporary folder, which is removed after the suite's own
 * `after` hooks; by default each SQLite database lives in memory.
 */
export function eachDatabase(
  title: string,
  suite: (database: TestDatabase) => void,
  options: { sqlite?: 'memory' | 'file' } = {},
): void {
  describe(`${title} (SQLite)`, () => {
    let folder: string | undefined;
    let files = 0;
    const newUrl = () => {
      if (options.sqlite !== 'file') return Promise.resolve('sqlite::memory:');
      folder ??= temporaryFolder('im-sqlite-');
      const own = path.join(folder, String(++files));
      mkdirSync(own);
      return Promise.resolve(`sqlite:${path.join(own, 'im.db')}`);
    };
    suite({ name: 'sqlite', freshUrl: newUrl, emptyUrl: newUrl });
    after(() => {
      if (folder !== undefined) removeFolder(folder);
    });
  });
  eachSqlServer(title, suite);
}

/** Defines the same suite for MariaDB and for MySQL. @param needs what it needs besides */
export function eachSqlServer(
  title: string,
  suite: (this: Mocha.Suite, database: TestDatabase<SqlServerName>) => void,
  ...needs: Need[]
): void {
  for (const name of SQL_SERVER_NAMES) {
    describe(`${title} (${NEEDS[name].title})`, function () {
      if (!requireOrSkip(name, ...needs)) return;
      suite.call(this, {
        name,
        freshUrl: async () => createWithSchema(await sharedServer(name)),
        emptyUrl: async () => (await sharedServer(name)).createDatabase(),
      });
    });
  }
}

/**
 * The same for suites that stop, freeze or kill the database, which therefore is theirs alone. A MySQL of which only the URL
 * is known serves others too: it is left alone, and MariaDB's suite has to do.
 */
export function eachOwnSqlServer(
  title: string,
  suite: (this: Mocha.Suite, start: (options?: SqlServerOptions) => Promise<PrivateSqlServer>) => void,
): void {
  for (const name of SQL_SERVER_NAMES) {
    if (name === 'mysql' && !hasMySqlServer()) continue;
    describe(`${title} (${NEEDS[name].title})`, function () {
      if (requireOrSkip(name)) suite.call(this, name === 'mysql' ? startMySql : startMariaDb);
    });
  }
}
