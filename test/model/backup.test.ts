import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { gunzipSync, gzipSync } from 'node:zlib';
import { eachDatabase } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { TestServer } from '../support/server';
import { runOperatorCommand } from './operator-command';

const TEXT = `您好 😀 <script> 'quotes" \\ and lines\n第二行`;

eachDatabase(
  'A backup',
  (database) => {
    let folder: string;
    let url: string;
    let server: TestServer;

    before(async () => {
      folder = temporaryFolder('im-backup-');
      url = await database.freshUrl();
      server = await TestServer.start({ IM_DATABASE_URL: url });
      await server.users('D1', 'P1');
      await server.session('s1', 1, 'D1', 'P1');
      await server.send('s1', 'P1', TEXT);
    });
    after(async () => {
      await server.stop();
      removeFolder(folder);
    });

    const run = (args: string[], databaseUrl: string) =>
      runOperatorCommand('backup', args, { IM_DATABASE_URL: databaseUrl });

    const hasNoParts = () =>
      readdirSync(folder)
        .filter((name) => name.includes('.part'))
        .should.eql([]);

    it('is made while the server runs, and gives everything back', async () => {
      const file = path.join(folder, 'im.backup');
      const made = await run(['--out', file], url);
      should(made).match({ status: 0, stderr: '' });
      // Only its owner reads the records of all patients.
      (statSync(file).mode & 0o777).should.equal(0o600);
      await server.send('s1', 'P1', 'after the backup');
      let restored = `sqlite:${file}`;
      if (database.name !== 'sqlite') {
        restored = await database.emptyUrl();
        const back = await run(['--restore', file], restored);
        should(back).match({ status: 0, stderr: '' });
      }
      const copy = await TestServer.start({ IM_DATABASE_URL: restored });
      try {
        const { body } = await copy.request('get', '/sessions/s1/messages?peek=1').expect(200);
        body.items.map((each: { content: string }) => each.content).should.eql([TEXT]);
        await copy.send('s1', 'D1', 'goes on');
      } finally {
        await copy.stop();
      }
    });

    it('overwrites nothing, and leaves nothing behind that is not whole', async () => {
      const taken = path.join(folder, 'taken');
      writeFileSync(taken, 'mine');
      const refused = await run(['--out', taken], url);
      should(refused).match({ status: 1, stderr: /exists and stays/ });
      readFileSync(taken, 'utf8').should.equal('mine');
      const nowhere = await run(['--out', path.join(folder, 'no', 'such', 'folder')], url);
      nowhere.status.should.equal(1);
      nowhere.stderr.trim().split('\n').should.have.length(1);
      (await run([], url)).status.should.equal(64);
      (await run(['--out', ''], url)).status.should.equal(64);
      hasNoParts();
    });

    it('is whole also where two are made under one name at once', async () => {
      const file = path.join(folder, 'twice');
      const both = await Promise.all([run(['--out', file], url), run(['--out', file], url)]);
      for (const { status, stderr } of both)
        should(status === 0 || stderr.includes('exists')).be.true(stderr);
      hasNoParts();
      if (database.name === 'sqlite') {
        const copy = await TestServer.start({ IM_DATABASE_URL: `sqlite:${file}` });
        await copy.stop();
      } else
        gunzipSync(readFileSync(file))
          .toString()
          .should.match(/\n-- Dump completed.*\n$/);
    });

    it('is not made where there is nothing to back up', async () => {
      const file = path.join(folder, 'nothing.backup');
      const missing = path.join(folder, 'missing.db');
      const nothing = database.name === 'sqlite' ? `sqlite:${missing}` : await database.emptyUrl();
      const why = database.name === 'sqlite' ? /^There is no database at / : /^There is nothing to back up: /;
      should(await run(['--out', file], nothing)).match({ status: 1, stdout: '', stderr: why });
      should([existsSync(file), existsSync(missing)]).eql([false, false]);
    });

    if (database.name === 'sqlite') return;

    it('gives the account to the tool in a file that has no name any more', async () => {
      const programs = path.join(folder, 'programs');
      const temporary = path.join(folder, 'temporary');
      for (const each of [programs, temporary]) mkdirSync(each);
      const script = `#!/bin/sh
[ "$1" = --help ] && exit 0
echo "found $(find "$TMPDIR" -name account.cnf | wc -l), told $(head -n 1 <&3)" >&2
exit 3`;
      for (const name of ['mysqldump', 'mariadb-dump'])
        writeFileSync(path.join(programs, name), script, { mode: 0o700 });
      const { status, stderr } = await runOperatorCommand('backup', ['--out', path.join(folder, 'told')], {
        IM_DATABASE_URL: url,
        PATH: `${programs}:${process.env.PATH ?? ''}`,
        TMPDIR: temporary,
      });
      status.should.equal(1);
      should(stderr).match(/found 0, told \[client\]/);
    });

    it('whose restore was cut off is no database that a server takes', async () => {
      const file = path.join(folder, 'half.gz');
      should(await run(['--out', file], url)).match({ status: 0 });
      // A dump that ends as it should, and fails half-way.
      const dump = gunzipSync(readFileSync(file)).toString();
      const half = dump.indexOf('CREATE TABLE `sessions`');
      writeFileSync(file, gzipSync(`${dump.slice(0, half)}nonsense;\n${dump.slice(half)}`));
      const restored = await database.emptyUrl();
      should(await run(['--restore', file], restored)).match({ status: 1, stderr: /syntax/ });
      const refused = await TestServer.start({ IM_DATABASE_URL: restored }).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      should(refused?.message).match(/is being restored into this database, or that was cut off/);
      should(await run(['--restore', file], restored)).match({ status: 1, stderr: /has tables already/ });
    });

    it('is not restored over tables, nor where it was cut off', async () => {
      const file = path.join(folder, 'whole.gz');
      should(await run(['--out', file], url)).match({ status: 0 });
      should(await run(['--restore', file], url)).match({ status: 1, stderr: /has tables already/ });
      const whole = gunzipSync(readFileSync(file));
      const cut = path.join(folder, 'cut.gz');
      writeFileSync(cut, gzipSync(whole.subarray(0, whole.length - 60)));
      const empty = await database.emptyUrl();
      should(await run(['--restore', cut], empty)).match({ status: 1, stderr: /does not end/ });
      writeFileSync(cut, readFileSync(file).subarray(0, 500));
      should(await run(['--restore', cut], empty)).match({ status: 1, stderr: /no whole gzipped dump/ });
    });

    it('fails where the dump fails, in one line without the password', async () => {
      const wrong = new URL(url);
      wrong.pathname = '/no_such_database';
      const file = path.join(folder, 'failed.gz');
      const { status, stderr } = await run(['--out', file], wrong.href);
      status.should.equal(1);
      stderr.trim().split('\n').should.have.length(1);
      existsSync(file).should.be.false();
      hasNoParts();
    });
  },
  { sqlite: 'file' },
);
