import should from 'should';
import { existsSync } from 'node:fs';
import path from 'node:path';
import mysql from 'mysql2/promise';
import { CompiledQuery } from 'kysely';
import { type Database, openDatabase } from '../../src/db/database';
import { statement } from '../../src/db/statement';
import { type Authority, hasOpenssl, makeAuthority } from '../support/certificates';
import { ChildServer } from '../support/child-server';
import { requireOrSkip } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { startMariaDb } from '../support/private-mariadb';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { removeFolder, temporaryFolder } from '../support/processes';
import { sharedServer } from '../support/shared-servers';

const CIPHER = "show session status like 'Ssl_cipher'";

function address(url: string, query: string, host = '127.0.0.1'): string {
  const whole = new URL(url);
  whole.hostname = host;
  whole.search = query;
  return whole.href;
}

/** The ciphers of a connection for queries and of one for batches; empty where it is not encrypted. @throws the driver's error */
async function ciphers(url: string): Promise<string[]> {
  const database = openDatabase(url, { connections: 2 });
  try {
    const { rows } = await database.kysely.executeQuery(CompiledQuery.raw(CIPHER));
    const batch = await database.batchTransaction((run) => run([statement(CIPHER)]));
    return [...rows, ...(batch[0]?.rows ?? [])].map((row) => (row as { Value: string }).Value);
  } finally {
    await database.close();
  }
}

async function adviceOf(url: string): Promise<string | undefined> {
  const database: Database = openDatabase(url, { connections: 2 });
  try {
    await database.ping();
  } catch (error) {
    return database.dialect.adviceOn(error) ?? `no advice on ${String((error as { code?: unknown }).code)}`;
  } finally {
    await database.close();
  }
  return undefined;
}

const isEncrypted = (found: readonly string[]) =>
  found.length === 2 && found.every((cipher) => cipher !== '');

describe('TLS to MariaDB', function () {
  if (!requireOrSkip('mariadb', 'openssl')) return;
  let folder: string;
  let ours: Authority;
  let others: Authority;
  let server: PrivateSqlServer;
  let url: string;

  before(async () => {
    folder = temporaryFolder('im-tls-');
    ours = makeAuthority(folder, 'ours');
    others = makeAuthority(folder, 'others');
    server = await startMariaDb();
    url = await server.createDatabase();
  });
  after(async () => {
    await server.remove();
    removeFolder(folder);
  });

  async function restart(...more: string[]): Promise<void> {
    await server.stop();
    await server.start(more);
  }

  function restartFor(host: string): Promise<void> {
    const { cert, key } = ours.sign(host);
    return restart(`--ssl-ca=${ours.ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`);
  }

  it('a server without TLS is asked without only where ssl-mode allows it, and the log says so', async () => {
    await restart('--skip-ssl');
    let found: string[] = [];
    const lines = await linesPrintedBy(async () => {
      found = await ciphers(address(url, 'ssl-mode=PREFERRED'));
    });
    should(found).eql(['', '']);
    lines.length.should.be.within(1, 2);
    for (const line of lines) line.should.match(/^\[WARN\] .*not encrypted$/);
    should(await ciphers(address(url, ''))).eql(['', '']);
    for (const query of ['ssl-mode=REQUIRED', `ssl-mode=VERIFY_CA&ssl-ca=${ours.ca}`, `ssl-ca=${ours.ca}`]) {
      should(await adviceOf(address(url, query))).match(/knows no TLS/);
    }
  });

  it('each ssl-mode means what MySQL has it mean', async () => {
    await restartFor('localhost');
    should(await ciphers(address(url, 'ssl-mode=DISABLED'))).eql(['', '']);
    for (const query of [
      'ssl-mode=PREFERRED',
      'ssl-mode=required',
      `ssl-mode=REQUIRED&ssl-ca=${others.ca}`,
      `ssl-ca=${ours.ca}`,
      `ssl-mode=VERIFY_CA&ssl-ca=${ours.ca}`,
    ]) {
      should(isEncrypted(await ciphers(address(url, query)))).equal(true, query);
    }
    for (const query of [`ssl-ca=${others.ca}`, `ssl-mode=VERIFY_CA&ssl-ca=${others.ca}`]) {
      should(await adviceOf(address(url, query))).match(/certificate .* is not accepted/);
    }
    const verified = await ciphers(address(url, `ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.ca}`, 'localhost'));
    should(isEncrypted(verified)).be.true();
  });

  it('a certificate for another host is refused by VERIFY_IDENTITY alone', async () => {
    await restartFor('db.example.com');
    should(isEncrypted(await ciphers(address(url, `ssl-mode=VERIFY_CA&ssl-ca=${ours.ca}`)))).be.true();
    for (const host of ['localhost', '127.0.0.1']) {
      const query = `ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.ca}`;
      should(await adviceOf(address(url, query, host))).match(/certificate .* is not accepted/);
    }
  });

  it('a server that can not be had safely is not started, in one plain line', async () => {
    const ca = path.join(folder, 'none.pem');
    const missing = ChildServer.spawn({
      IM_PROFILE: 'test',
      IM_DATABASE_URL: address(url, `ssl-ca=${ca}`),
    });
    should(await missing.exited).eql({ code: 78, signal: null });
    should(missing.stderr).match(/^IM_DATABASE_URL accepts an ssl-ca that can be read \(ENOENT\)\n$/);

    const refused = ChildServer.spawn({
      IM_PROFILE: 'test',
      IM_PORT: '0',
      IM_DATABASE_URL: address(url, `ssl-ca=${others.ca}`),
    });
    should(await refused.exited).eql({ code: 1, signal: null });
    should(refused.lines.at(-1)).match(
      /^\[ERROR\] app\.js\(\d+,\d+\): the server can't start: the certificate .*$/,
    );
    should(refused.stderr).equal('');

    const served = await ChildServer.start({ IM_DATABASE_URL: address(url, `ssl-ca=${ours.ca}`) });
    should(await served.end()).eql({ code: 0, signal: null });
    should(served.lines[2]).match(/Database: mysql:\/\/127\.0\.0\.1:\d+\/\w+ \(ssl-mode VERIFY_CA\), bus: /);
  });
});

describe('TLS to MySQL, with the certificates that it makes itself', function () {
  if (!requireOrSkip('mysql')) return;
  let url: string;
  let ca: string;

  before(async function () {
    const server = await sharedServer('mysql');
    url = await server.createDatabase();
    const connection = await mysql.createConnection(url);
    const [rows] = await connection.query<mysql.RowDataPacket[]>('select @@ssl_ca as ca, @@datadir as data');
    await connection.end();
    ca = path.resolve(String(rows[0]?.data), String(rows[0]?.ca));
    // It runs on another machine, or as somebody whose files we may not read.
    if (!existsSync(ca)) this.skip();
  });

  it('each ssl-mode means what MySQL has it mean', async function () {
    should(await ciphers(address(url, 'ssl-mode=DISABLED'))).eql(['', '']);
    for (const query of [
      'ssl-mode=PREFERRED',
      'ssl-mode=REQUIRED',
      `ssl-ca=${ca}`,
      `ssl-mode=VERIFY_CA&ssl-ca=${ca}`,
    ]) {
      should(isEncrypted(await ciphers(address(url, query)))).equal(true, query);
    }
    // Its certificate names no host.
    const identity = address(url, `ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`, 'localhost');
    should(await adviceOf(identity)).match(/certificate .* is not accepted/);
    if (!hasOpenssl()) return;
    const folder = temporaryFolder('im-tls-');
    const others = makeAuthority(folder, 'others');
    should(await adviceOf(address(url, `ssl-ca=${others.ca}`))).match(/certificate .* is not accepted/);
    removeFolder(folder);
  });
});
