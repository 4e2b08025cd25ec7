import os from 'node:os';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { freePort } from './free-port';
import { removeFolder, ServerProcess, temporaryFolder } from './processes';
import { type SqlServer, sqlServerAt } from './sql-server';

const PASSWORD = 'im-test';

export interface SqlServerOptions {
  /** Every commit reaches the disk, as in production; by default nothing is flushed, for speed. */
  durable?: boolean;
  /** Log and memory as in production, for load: a small log is flushed all the time. */
  large?: boolean;
}

/** A MariaDB or MySQL of our own on 127.0.0.1; `stop` and `start` keep port and data. */
export interface PrivateSqlServer extends SqlServer {
  readonly port: number;
  readonly socket: string;
  /** The data folder. */
  readonly data: string;
  /** Of the user `root`, over TCP and over the socket. */
  readonly password: string;
  /** The `mysql://` URL of the server itself, without a database. */
  readonly base: string;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** @param more arguments for this time, beside the usual ones */
  start(more?: readonly string[]): Promise<void>;
  /** Freezes it: connections are taken, and nothing answers until `resume`. */
  pause(): void;
  resume(): void;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

/** Where an instance keeps what is its own. */
export interface Place {
  folder: string;
  data: string;
}

/** Only root has to say whom to run as: the servers refuse to guess. */
export const AS_ROOT: readonly string[] = os.userInfo().uid === 0 ? ['--user=root'] : [];

/** What both kinds are told alike. `--no-defaults` has to come first. */
function commonArguments({ folder, data }: Place, socket: string, port: number): string[] {
  return [
    '--no-defaults',
    ...AS_ROOT,
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--pid-file=${path.join(folder, 'pid')}`,
    // At its start an instance removes the temporary tables that it finds in there, also those of one that runs.
    `--tmpdir=${folder}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--max-connections=500',
    '--skip-name-resolve',
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
  ];
}

/**
 * Starts an instance in a new folder.
 * @param install fills the data folder; root has no password then
 * @param more arguments beside those that both kinds are given
 */
export async function startPrivately(
  prefix: string,
  program: string,
  install: (place: Place) => Promise<void>,
  more: readonly string[],
): Promise<PrivateSqlServer> {
  const folder = temporaryFolder(prefix);
  const place = { folder, data: path.join(folder, 'data') };
  const socket = path.join(folder, 's');
  const port = await freePort();
  await install(place);
  let password = '';
  const server = new ServerProcess({
    program,
    args: [...commonArguments(place, socket, port), ...more],
    logFile: path.join(folder, 'log'),
    probe: async () => {
      await (await connect(socket, password)).end();
    },
  });
  await server.start();
  await setPassword(socket);
  password = PASSWORD;

  const base = `mysql://root:${PASSWORD}@127.0.0.1:${port}/`;
  return {
    ...sqlServerAt(base),
    port,
    socket,
    data: place.data,
    password: PASSWORD,
    base,
    get pid() {
      return server.pid;
    },
    stop: (signal) => server.stop(signal),
    start: (again) => server.start(again),
    pause: () => server.pause(),
    resume: () => server.resume(),
    remove: async () => {
      await server.stop();
      removeFolder(folder);
    },
  };
}

async function connect(socket: string, password: string): Promise<mysql.Connection> {
  return await mysql.createConnection({ socketPath: socket, user: 'root', password });
}

/** A new instance's root has no password, and no name for TCP. */
async function setPassword(socket: string): Promise<void> {
  const connection = await connect(socket, '');
  try {
    for (const host of ['127.0.0.1', 'localhost']) {
      await connection.query(`create user if not exists root@'${host}'`);
      await connection.query(`grant all privileges on *.* to root@'${host}' with grant option`);
      await connection.query(`alter user root@'${host}' identified by '${PASSWORD}'`);
    }
  } finally {
    await connection.end();
  }
}
