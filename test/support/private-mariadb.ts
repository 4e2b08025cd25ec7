import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AS_ROOT, type PrivateSqlServer, type SqlServerOptions, startPrivately } from './private-sql-server';
import { findProgram } from './processes';

const INNODB_SMALL = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=64M'];
/** Set at the start: MariaDB 10.11 was seen to crash after both were resized while it ran. */
const INNODB_LARGE = ['--innodb-log-file-size=256M', '--innodb-buffer-pool-size=1G'];

interface Programs {
  install: string;
  server: string;
}

function programs(): Programs | undefined {
  const install = findProgram('mariadb-install-db', 'mysql_install_db');
  const server = findProgram('mariadbd');
  return install === undefined || server === undefined ? undefined : { install, server };
}

export function hasMariaDb(): boolean {
  return programs() !== undefined;
}

/** Starts an instance of its own. @throws where MariaDB is not installed or does not come up. */
export async function startMariaDb(options: SqlServerOptions = {}): Promise<PrivateSqlServer> {
  const found = programs();
  if (found === undefined) throw new Error('MariaDB is not installed');
  const durable = options.durable === true;
  return await startPrivately(
    'im-mariadb-',
    found.server,
    async ({ data, folder }) => {
      await promisify(execFile)(found.install, [
        '--no-defaults',
        ...AS_ROOT,
        `--datadir=${data}`,
        `--tmpdir=${folder}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        '--skip-name-resolve',
        ...INNODB_SMALL,
      ]);
    },
    [
      '--skip-log-bin',
      '--collation-server=utf8mb4_unicode_ci',
      ...(options.large === true ? INNODB_LARGE : INNODB_SMALL),
      `--innodb-flush-log-at-trx-commit=${durable ? 1 : 0}`,
      `--innodb-doublewrite=${durable ? 1 : 0}`,
    ],
  );
}
