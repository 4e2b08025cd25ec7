import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import { sql } from 'kysely';
import { type Database } from '../../db/database';
import { endRestore, markRestore } from '../../db/restore-mark';
import { type MysqlUrl, parseMysqlUrl } from '../../resources/config/mysql-url';
import { removedIfUnfinished } from '../../unfinished';

/** What a dump that came to its end ends with. */
const LAST_LINE = '-- Dump completed';
/** The first line of MariaDB's dumps, which MySQL's client does not know. */
const SANDBOX = '/*M!999999';

/**
 * A consistent copy of the whole database, while servers go on: a gzipped dump, or SQLite's own file. It gets its name only
 * when it is whole.
 * @throws Error with a sentence for the operator
 */
export async function backUp(database: Database, url: string, file: string): Promise<void> {
  if (existsSync(file)) throw new Error(`${file} exists and stays as it is.`);
  if (!existsSync(dirname(file))) throw new Error(`There is no folder ${dirname(file)}.`);
  const tables = await database.kysely.introspection.getTables();
  if (!tables.some(({ name }) => name === 'sessions'))
    throw new Error(`There is nothing to back up: ${database.description} has no tables of the server's.`);
  // Of its own: two backups to one name must not write into each other's.
  const folder = await mkdtemp(`${file}.part-`);
  await removedIfUnfinished(folder, async () => {
    const part = join(folder, 'backup');
    if (database.dialect.hasSchemas) await dump(database, url, part);
    else await sql`vacuum into ${part}`.execute(database.kysely);
    await rename(part, file);
    await rm(folder, { recursive: true });
  });
}

/**
 * Puts a backup into a database without tables of its own.
 * @throws Error with a sentence for the operator
 */
export async function restore(database: Database, url: string, file: string): Promise<void> {
  if (!existsSync(file)) throw new Error(`There is no ${file}.`);
  if (!database.dialect.hasSchemas) {
    throw new Error('A SQLite database is restored by copying the file to its place, while no server runs.');
  }
  const tables = sql`select 1 from information_schema.tables where table_schema = database() limit 1`;
  if ((await tables.execute(database.kysely)).rows.length > 0) {
    throw new Error('The database has tables already: restore into an empty one.');
  }
  await checkEnd(file);
  const program = await programOf(await ownFirst(database, 'mysql', 'mariadb'));
  await markRestore(database);
  const client = await tool(program, url, ['--default-character-set=utf8mb4']);
  await allDone([
    client.ended,
    pipeline(createReadStream(file), createGunzip(), withoutSandbox(), client.input),
  ]);
  await endRestore(database);
}

/** Waits for all. @throws the first one's error before the others', which may only follow from it */
async function allDone(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason;
}

/** As an account that has its own schema alone: no tablespaces, no positions of the binary log, no GTIDs. */
async function dump(database: Database, url: string, file: string): Promise<void> {
  const options = ['--single-transaction', '--quick', '--hex-blob', '--no-tablespaces'];
  const program = await programOf(await ownFirst(database, 'mysqldump', 'mariadb-dump'));
  if (program.knows('set-gtid-purged')) options.push('--set-gtid-purged=OFF');
  const dumper = await tool(program, url, [...options, '--default-character-set=utf8mb4']);
  dumper.input.end();
  // A dump that failed half-way is a failure, however well its beginning was written.
  await allDone([
    dumper.ended,
    pipeline(dumper.output, createGzip(), createWriteStream(file, { mode: 0o600, flush: true })),
  ]);
  await checkEnd(file);
}

async function checkEnd(file: string): Promise<void> {
  let end = '';
  const keepEnd = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      end = (end + chunk.toString('latin1')).slice(-400);
      done();
    },
  });
  try {
    await pipeline(createReadStream(file), createGunzip(), keepEnd);
  } catch {
    throw new Error(`${file} is no whole gzipped dump.`);
  }
  if (!end.includes(LAST_LINE)) throw new Error(`${file} does not end as a whole dump does.`);
}

function withoutSandbox(): Transform {
  let first = true;
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      const skipped = first && chunk.toString('latin1', 0, SANDBOX.length) === SANDBOX;
      first = false;
      done(null, skipped ? chunk.subarray(chunk.indexOf('\n') + 1) : chunk);
    },
  });
}

interface Tool {
  input: Writable;
  output: Readable;
  /** Rejects with what the tool said when it fails. */
  ended: Promise<void>;
}

interface Program {
  name: string;
  /** MySQL's programs and MariaDB's of the same name take different options. */
  knows(option: string): boolean;
}

/** One of the database's own programs, on the database that the URL names. */
async function tool(program: Program, url: string, options: readonly string[]): Promise<Tool> {
  const place = parseMysqlUrl(url);
  if (place === undefined) throw new Error('IM_DATABASE_URL names no MySQL or MariaDB.');
  const account = await accountFile(place);
  const child = spawn(
    program.name,
    [
      '--defaults-extra-file=/dev/fd/3',
      `--host=${place.host}`,
      `--port=${place.port}`,
      '--protocol=tcp',
      ...encryption(program, place),
      ...options,
      place.database,
    ],
    { stdio: ['pipe', 'pipe', 'pipe', account.fd] },
  ) as ChildProcessWithoutNullStreams;
  await account.close();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      const why = said.trim().split('\n').at(-1) ?? '';
      if (status === 0) resolve();
      else reject(new Error(`${program.name} failed (status ${status}): ${why}`));
    });
  });
  return { input: child.stdin, output: child.stdout, ended };
}

/**
 * Who logs in, in a file that is open and has no name any more: arguments and the environment are seen by others, and a file with a name
 * would stay where the command is killed.
 */
async function accountFile({ password, user }: MysqlUrl): Promise<FileHandle> {
  const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const lines = ['[client]', `user=${quoted(user)}`, `password=${quoted(password)}`];
  const folder = await mkdtemp(join(tmpdir(), 'im-backup-'));
  try {
    const file = join(folder, 'account.cnf');
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    return await open(file, 'r');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function encryption(program: Program, { sslCa, sslMode }: MysqlUrl): string[] {
  const ca = sslCa === undefined ? [] : [`--ssl-ca=${sslCa}`];
  if (program.knows('ssl-mode')) {
    return [`--ssl-mode=${sslMode}`, ...(sslMode === 'DISABLED' ? ['--get-server-public-key'] : ca)];
  }
  if (sslMode === 'DISABLED') return ['--skip-ssl'];
  return [...ca, sslMode.startsWith('VERIFY') ? '--ssl-verify-server-cert' : '--ssl'];
}

/** Where both are there: MySQL's programs can't log in to MariaDB, whose accounts have passwords of an old kind. */
async function ownFirst(database: Database, ofMysql: string, ofMariaDb: string): Promise<string[]> {
  const { rows } = await sql<{ version: string }>`select version() as version`.execute(database.kysely);
  const isMariaDb = rows[0]?.version.includes('MariaDB') === true;
  return isMariaDb ? [ofMariaDb, ofMysql] : [ofMysql, ofMariaDb];
}

/** The first of `names` that this machine has. */
async function programOf(names: readonly string[]): Promise<Program> {
  for (const name of names) {
    try {
      const { stdout } = await promisify(execFile)(name, ['--help'], { maxBuffer: 1024 * 1024 });
      return { name, knows: (option) => stdout.includes(`--${option}`) };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${names.join(' or ')} is needed, and is not in the PATH.`);
}
