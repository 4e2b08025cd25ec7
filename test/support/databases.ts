import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findProgram, removeFolder, temporaryFolder } from './processes';
import { hasMariaDb, privateMariaDb } from './private-mariadb';
import { hasRedis } from './private-redis';

/** The path of a Chromium that can be driven, or undefined. */
export function chromiumPath(): string | undefined {
  return findProgram('chromium', 'chromium-browser', 'google-chrome');
}

export type Need = 'mariadb' | 'redis' | 'chromium';

const NEEDS: Record<Need, { title: string; package: string; isThere: () => boolean }> = {
  mariadb: { title: 'MariaDB', package: 'mariadb-server', isThere: hasMariaDb },
  redis: { title: 'Redis', package: 'redis-server', isThere: hasRedis },
  chromium: { title: 'Chromium', package: 'chromium', isThere: () => chromiumPath() !== undefined },
};

const reported = new Set<Need>();

/**
 * For the top of a `describe`: where `need` is not installed, the suite is skipped, and one line for all such suites says how to
 * get it; with IM_TEST_REQUIRE_ALL=1 the suite fails instead. Later `before`s of a skipped suite don't run, its `after`s do (mocha).
 * True where `need` is installed.
 */
export function requireOrSkip(need: Need): boolean {
  const { title, package: name, isThere } = NEEDS[need];
  if (isThere()) return true;
  const text = `${title} is not installed: apt-get install ${name}`;
  before(function () {
    if (process.env.IM_TEST_REQUIRE_ALL === '1') throw new Error(text);
    if (!reported.has(need)) console.warn(`Skipped: ${text}`);
    reported.add(need);
    this.skip();
  });
  return false;
}

export interface TestDatabase {
  name: 'sqlite' | 'mariadb';
  /** The URL of an empty database, another one at each call. */
  freshUrl(): Promise<string>;
}

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
    suite({
      name: 'sqlite',
      freshUrl: () => {
        if (options.sqlite !== 'file') return Promise.resolve('sqlite::memory:');
        folder ??= temporaryFolder('im-sqlite-');
        const own = path.join(folder, String(++files));
        mkdirSync(own);
        return Promise.resolve(`sqlite:${path.join(own, 'im.db')}`);
      },
    });
    after(() => {
      if (folder !== undefined) removeFolder(folder);
    });
  });

  describe(`${title} (MariaDB)`, () => {
    requireOrSkip('mariadb');
    suite({
      name: 'mariadb',
      freshUrl: async () => {
        const server = await privateMariaDb();
        if (server === undefined) throw new Error('MariaDB is not installed');
        return await server.createDatabase();
      },
    });
  });
}
