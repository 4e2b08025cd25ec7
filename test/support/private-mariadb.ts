import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { freePort } from './free-port';
import { findProgram, removeFolder, ServerProcess, temporaryFolder } from './processes';

const PASSWORD = 'im-test';

const INNODB_SMALL = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=64M'];
/** Set at the start: MariaDB 10.11 was seen to crash after both were resized while it ran. */
const INNODB_LARGE = ['--innodb-log-file-size=256M', '--innodb-buffer-pool-size=1G'];

export interface MariaDbOptions {
  /** Every commit reaches the disk, as in production; by default nothing is flushed, for speed. */
  durable?: boolean;
  /** Log and memory as in production, for load: a small log is flushed all the time. */
  large?: boolean;
}

/** A MariaDB of our own on 127.0.0.1; `stop` and `start` keep port and data. */
export interface MariaDb {
  readonly port: number;
  readonly socket: string;
  /** Of the user `root`, over TCP and over the socket. */
  readonly password: string;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  /** The `mysql://` URL of a database of that name. */
  url(name: string): string;
  /** Makes an empty utf8mb4 database and gives its `mysql://` URL. */
  createDatabase(): Promise<string>;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  /** Freezes it: connections are taken, and nothing answers until `resume`. */
  pause(): void;
  resume(): void;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

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

async function connect(socket: string, password: string): Promise<mysql.Connection> {
  return await mysql.createConnection({ socketPath: socket, user: 'root', password });
}

/** A new instance's root has no password, and no name for TCP. */
async function setPassword(socket: string): Promise<void> {
  const connection = await connect(socket, '');
  try {
    for (const host of ['localhost', '127.0.0.1']) {
      await connection.query(`create or replace user root@'${host}' identified by '${PASSWORD}'`);
      await connection.query(`grant all privileges on *.* to root@'${host}' with grant option`);
    }
  } finally {
    await connection.end();
  }
}

/** Starts an instance of its own. @throws where MariaDB is not installed or does not come up. */
export async function startMariaDb(options: MariaDbOptions = {}): Promise<MariaDb> {
  const found = programs();
  if (found === undefined) throw new Error('MariaDB is not installed');
  const folder = temporaryFolder('im-mariadb-');
  const data = path.join(folder, 'data');
  const socket = path.join(folder, 's');
  const port = await freePort();
  // Only root has to say whom to run as, and mariadbd refuses to guess.
  const asRoot = os.userInfo().uid === 0 ? ['--user=root'] : [];
  await promisify(execFile)(found.install, [
    '--no-defaults',
    ...asRoot,
    `--datadir=${data}`,
    `--tmpdir=${folder}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    ...INNODB_SMALL,
  ]);
  let password = '';
  const server = new ServerProcess({
    program: found.server,
    args: [
      '--no-defaults',
      ...asRoot,
      `--datadir=${data}`,
      `--socket=${socket}`,
      `--pid-file=${path.join(folder, 'pid')}`,
      // At its start an instance removes the temporary tables that it finds in there, also those of one that runs.
      `--tmpdir=${folder}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--max-connections=500',
      '--skip-name-resolve',
      '--skip-log-bin',
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_unicode_ci',
      '--default-time-zone=+00:00',
      ...(options.large === true ? INNODB_LARGE : INNODB_SMALL),
      `--innodb-flush-log-at-trx-commit=${options.durable === true ? 1 : 0}`,
      `--innodb-doublewrite=${options.durable === true ? 1 : 0}`,
    ],
    logFile: path.join(folder, 'log'),
    probe: async () => {
      await (await connect(socket, password)).end();
    },
  });
  await server.start();
  await setPassword(socket);
  password = PASSWORD;

  const url = (name: string): string => `mysql://root:${PASSWORD}@127.0.0.1:${port}/${name}`;
  let databases = 0;
  return {
    port,
    socket,
    password: PASSWORD,
    get pid() {
      return server.pid;
    },
    url,
    createDatabase: async () => {
      const name = `im_${++databases}`;
      const connection = await connect(socket, PASSWORD);
      try {
        await connection.query(`create database ${name}`);
      } finally {
        await connection.end();
      }
      return url(name);
    },
    stop: (signal) => server.stop(signal),
    start: () => server.start(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    remove: async () => {
      await server.stop();
      removeFolder(folder);
    },
  };
}

let shared: Promise<MariaDb> | undefined;

/** The one instance that all suites of this process share, started on first use; undefined where MariaDB is not installed. */
export async function privateMariaDb(): Promise<MariaDb | undefined> {
  if (!hasMariaDb()) return undefined;
  shared ??= startMariaDb();
  return await shared;
}

/** Stops the shared instance; the next `privateMariaDb` starts a new one. */
export async function removePrivateMariaDb(): Promise<void> {
  const instance = shared;
  shared = undefined;
  await (await instance?.catch(() => undefined))?.remove();
}

// Under mocha only: the benchmark uses this file too.
if (typeof after === 'function') after(removePrivateMariaDb);
