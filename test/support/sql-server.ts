import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';

/** A MySQL or MariaDB on which databases can be made. */
export interface SqlServer {
  /** The `mysql://` URL of a database of that name. */
  url(name: string): string;
  /** Makes an empty utf8mb4 database and gives its URL. */
  createDatabase(): Promise<string>;
}

const DAY_MS = 24 * 3600 * 1000;
/** `imtest_<UTC time of the run>_<random>`, then a process id and a number. */
const NAME = /^imtest_(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)_[0-9a-f]{6}_/;

/** A prefix that no two runs share, for the names of databases on a server that outlives them. */
export function newRunName(): string {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 12);
  return `imtest_${time}_${randomBytes(3).toString('hex')}`;
}

// The workers of one run of the tests share the prefix, so that all of it can be dropped at the end.
process.env.IM_TEST_RUN ??= newRunName();
const run = process.env.IM_TEST_RUN;
let databases = 0;

/**
 * A server by the URL of an account that may create databases.
 * @param base such as `mysql://root@127.0.0.1:3306/`
 */
export function sqlServerAt(base: string): SqlServer {
  const url = (name: string): string => {
    const whole = new URL(base);
    whole.pathname = `/${name}`;
    return whole.href;
  };
  return {
    url,
    createDatabase: async () => {
      const name = `${run}_${process.pid}_${++databases}`;
      await withConnection(base, (connection) =>
        connection.query(`create database \`${name}\` character set utf8mb4`),
      );
      return url(name);
    },
  };
}

/**
 * Drops the databases of this run, and those of runs more than a day old, which were broken off.
 * Databases that a test makes itself have a name that begins with the name of one of ours.
 */
export async function dropDatabases(base: string): Promise<void> {
  await withConnection(base, async (connection) => {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      "select schema_name as name from information_schema.schemata where schema_name like 'imtest%'",
    );
    for (const { name } of rows as { name: string }[]) {
      if (name.startsWith(`${run}_`) || isOld(name))
        await connection.query(`drop database if exists \`${name}\``);
    }
  });
}

function isOld(name: string): boolean {
  const [, year, month, day, hour, minute] = NAME.exec(name) ?? [];
  if (year === undefined) return false;
  return Date.now() - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`) > DAY_MS;
}

async function withConnection(
  base: string,
  work: (connection: mysql.Connection) => Promise<unknown>,
): Promise<void> {
  const connection = await mysql.createConnection({ uri: base });
  try {
    await work(connection);
  } finally {
    await connection.end();
  }
}
