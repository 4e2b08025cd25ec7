import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { AS_ROOT, type PrivateSqlServer, type SqlServerOptions, startPrivately } from './private-sql-server';
import { programsNamed } from './processes';

const INNODB_SMALL = ['--innodb-redo-log-capacity=32M', '--innodb-buffer-pool-size=64M'];
const INNODB_LARGE = ['--innodb-redo-log-capacity=512M', '--innodb-buffer-pool-size=1G'];

/**
 * As MySQL comes: each commit is flushed to InnoDB's log and to the binary log.
 * For tests the server's bookkeeping of statements (performance_schema) is off too: it takes half of the memory.
 */
const DURABLE = ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1'];
const FAST = [
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=OFF',
  '--skip-log-bin',
  '--performance-schema=OFF',
];

let found: string | undefined | null = null;

/** Oracle's server; MariaDB's packages have a `mysqld` too, which names MariaDB in its version. */
function program(): string | undefined {
  if (found !== null) return found;
  found = programsNamed('mysqld').find((file) => {
    const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
    return status === 0 && /\bVer \d/.test(stdout) && !/mariadb/i.test(stdout);
  });
  return found;
}

/** Whether a MySQL of our own can be started, which a test may stop and freeze. */
export function hasMySqlServer(): boolean {
  return program() !== undefined;
}

/** Starts an instance of its own. @throws where Oracle's mysqld is not on the PATH or does not come up. */
export async function startMySql(options: SqlServerOptions = {}): Promise<PrivateSqlServer> {
  const server = program();
  if (server === undefined) throw new Error("Oracle's mysqld is not on the PATH");
  return await startPrivately(
    'im-mysql-',
    server,
    async ({ data, folder }) => {
      await promisify(execFile)(server, [
        '--no-defaults',
        ...AS_ROOT,
        '--initialize-insecure',
        `--datadir=${data}`,
        `--tmpdir=${folder}`,
        `--log-error=${path.join(folder, 'install.log')}`,
        ...INNODB_SMALL,
      ]);
    },
    [
      // A second protocol on a port of its own, 33060: two instances would quarrel about it.
      '--loose-mysqlx=OFF',
      // Its packages name a folder that must exist.
      '--secure-file-priv=NULL',
      ...(options.large === true ? INNODB_LARGE : INNODB_SMALL),
      ...(options.durable === true ? DURABLE : FAST),
    ],
  );
}
