import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { Sweep } from '../../src/commands/files/sweep';
import { Retention } from '../../src/commands/maintenance/retention';
import { runIn } from '../../src/db/statement';
import { filesOfRecalled } from '../../src/model/files';
import { eachDatabase } from '../support/databases';
import { ChildServer } from '../support/child-server';
import { removeFolder, temporaryFolder } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import { amr, jpeg } from './fixtures';
import { asBackend, FileServer, upload } from './upload-client';

const OLD = '2020-01-01 00:00:00.000';
const LONG_AGO = new Date(Date.now() - 25 * 60 * 60_000);

eachDatabase('Keeping files', (database) => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await files.server.users('D1', 'P1');
    await files.server.session('s', 1, 'D1', 'P1');
  });
  after(() => files.stop());

  const db = () => files.server.context.database;
  const sweep = () => new Sweep(db(), files.server.context.fileStore!).runOnce();
  const object = (id: string) => path.join(files.folder, 'objects', id.slice(0, 2), id);
  const uploaded = () => files.file(amr, { userId: 'P1' });
  const unnamedSince = (id: string, time: string) =>
    files.db.updateTable('files').set({ unnamed_since: time }).where('id', '=', id).execute();
  const rowOf = (id: string) =>
    files.db.selectFrom('files').selectAll().where('id', '=', id).executeTakeFirst();
  async function send(id: string, sender = 'P1'): Promise<number> {
    const { body, status } = await files.server
      .request('post', '/sessions/s/messages')
      .send({ sender_id: sender, type: 3, content: { file_id: id, duration: 1 } });
    should(status).equal(201);
    return body.id as number;
  }

  it('what no message has named for a day goes, its object and its row; what is younger stays', async () => {
    const [young, old] = [await uploaded(), await files.file(await jpeg(600, 9), { userId: 'P1' })];
    await unnamedSince(old, OLD);
    should((await sweep()).files).equal(1);
    should(await rowOf(old)).be.undefined();
    should([existsSync(object(old)), existsSync(object(`${old}.thumbnail`))]).eql([false, false]);
    should([(await rowOf(young))?.state, existsSync(object(young))]).eql(['kept', true]);
    should((await files.get(old, asBackend)).status).equal(404);
  });

  it('what a message names stays', async () => {
    const id = await uploaded();
    await send(id);
    should((await rowOf(id))?.unnamed_since).be.null();
    await sweep();
    should((await files.get(id, asBackend)).status).equal(200);
  });

  it('what is named while its time is over is never lost', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = await uploaded();
      await unnamedSince(id, OLD);
      const sent = files.server
        .request('post', '/sessions/s/messages')
        .send({ sender_id: 'P1', type: 3, content: { file_id: id, duration: 1 } });
      const [{ status }] = await Promise.all([sent, sweep()]);
      const read = await files.get(id, asBackend);
      should([status, read.status]).be.oneOf([
        [201, 200],
        [400, 404],
      ]);
    }
  });

  it('a row that says otherwise is mended, and its file stays', async () => {
    const id = await uploaded();
    await send(id);
    await unnamedSince(id, OLD);
    await sweep();
    should([(await rowOf(id))?.unnamed_since, existsSync(object(id))]).eql([null, true]);
  });

  it('a deletion that was cut off half-way is finished', async () => {
    const id = await uploaded();
    await files.db
      .updateTable('files')
      .set({ unnamed_since: OLD, state: 'deleting' })
      .where('id', '=', id)
      .execute();
    rmSync(object(id));
    should((await files.get(id, asBackend)).status).equal(404);
    should((await sweep()).files).equal(1);
    should(await rowOf(id)).be.undefined();
  });

  it('objects without a row and temporary files go after a day', async () => {
    const id = await uploaded();
    utimesSync(object(id), LONG_AGO, LONG_AGO);
    const [orphan, young] = ['a'.repeat(32), 'b'.repeat(32)];
    const left = [
      object(orphan),
      object(`${orphan}.thumbnail`),
      path.join(files.folder, 'incoming', 'cut-off'),
    ];
    const staying = [
      object(young),
      path.join(files.folder, 'incoming', 'under-way'),
      object('not-ours.txt'),
      object(id),
    ];
    for (const file of [...left, ...staying.slice(0, 3)]) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, 'x');
    }
    for (const file of [...left, object('not-ours.txt')]) utimesSync(file, LONG_AGO, LONG_AGO);
    should(await sweep()).eql({ files: 0, objects: 2, temporary: 1 });
    should(left.map((file) => existsSync(file))).eql([false, false, false]);
    should(staying.map((file) => existsSync(file))).eql([true, true, true, true]);
  });

  it('a file goes once retention has deleted its last message; one that was taken back counts until then', async () => {
    const [both, one, recalled] = [await uploaded(), await uploaded(), await uploaded()];
    const messages = [await send(both), await send(one), await send(recalled)];
    await db().transaction((trx) =>
      filesOfRecalled(runIn(trx, db().dialect), db().dialect, 's', messages[2]!),
    );
    should((await rowOf(recalled))?.state).equal('gone');
    await sweep();
    should((await rowOf(recalled))?.state).equal('gone');
    const last = await send(both, 'D1');
    // All but the last one are old.
    await files.db.updateTable('sessions').set({ create_date: OLD }).where('id', '=', 's').execute();
    await files.db
      .updateTable('muc_messages')
      .set({ timestamp: OLD } as never)
      .where('id', '<', last)
      .execute();
    for (const id of [both, one, recalled])
      await files.db.updateTable('files').set({ create_time: OLD }).where('id', '=', id).execute();
    await new Retention({ database: db(), retentionDays: 30 }).runOnce();
    const names = await files.db.selectFrom('message_files').select('message_id').execute();
    should(names.map(({ message_id }) => message_id)).eql([last]);
    await sweep();
    should([(await rowOf(both))?.state, await rowOf(one), await rowOf(recalled)]).eql([
      'kept',
      undefined,
      undefined,
    ]);
    should([existsSync(object(both)), existsSync(object(one)), existsSync(object(recalled))]).eql([
      true,
      false,
      false,
    ]);
  });

  it('taken back at the same time, in two sessions: then it is gone', async () => {
    await files.server.session('s2', 3, 'D1', 'P1');
    const id = await uploaded();
    const first = await send(id);
    const { body } = await files.server
      .request('post', '/sessions/s2/messages')
      .send({ sender_id: 'P1', type: 3, content: { file_id: id, duration: 1 } });
    const recall = (session: string, message: number) =>
      db().transaction((trx) => filesOfRecalled(runIn(trx, db().dialect), db().dialect, session, message));
    await Promise.all([recall('s', first), recall('s2', body.id as number)]);
    should((await rowOf(id))?.state).equal('gone');
  });
});

describe('Storage that is away', () => {
  it('a folder that can not be written: 503, nothing kept; messages and history go on; then it heals', async () => {
    const files = await FileServer.start();
    try {
      await files.server.users('P1');
      await files.server.session('s', 1, 'P1');
      // In the folder's place is a file, as when a disk was not mounted.
      writeFileSync(files.folder, 'x');
      const { body, status } = await files.upload(amr, { userId: 'P1' });
      should([status, body.code]).eql([503, 'unavailable']);
      await files.server.send('s', 'P1', '您好');
      rmSync(files.folder);
      should((await files.upload(amr, { userId: 'P1' })).status).equal(201);
      const objects = path.join(files.folder, 'objects');
      rmSync(objects, { recursive: true });
      writeFileSync(objects, 'x');
      should((await files.upload(amr, { userId: 'P1' })).status).equal(503);
      should((await files.db.selectFrom('files').select('id').execute()).length).equal(1);
      should(files.stored().filter((name) => name.startsWith('incoming'))).eql([]);
    } finally {
      await files.stop();
    }
  });
});

describe('A server that is killed while files come in', () => {
  const folder = temporaryFolder('im-killed-');
  after(() => removeFolder(folder));

  it('loses none that it answered, and what is left over goes', async () => {
    const environment = {
      IM_DATABASE_URL: `sqlite:${path.join(folder, 'im.db')}`,
      IM_FILES: `file:${path.join(folder, 'files')}`,
    };
    let server = await ChildServer.start(environment);
    const put = await fetch(`${server.url}/api/v2/users/P1`, {
      method: 'PUT',
      headers: { ...asBackend, 'Content-Type': 'application/json' },
      body: JSON.stringify({ type: 'patient', name: '患者' }),
    });
    should(put.status).equal(201);
    const answered: string[] = [];
    const content = await jpeg(900, 700);
    const uploads = Array.from({ length: 20 }, async () => {
      const answer = await upload(server.url, content, { userId: 'P1' }).catch(() => undefined);
      if (answer?.status === 201) answered.push(answer.body.id as string);
    });
    await waitUntil(
      () => answered.length >= 3,
      30_000,
      () => 'nothing is taken',
    );
    await server.end('SIGKILL');
    await Promise.all(uploads);
    server = await ChildServer.start(environment);
    for (const id of answered)
      should((await fetch(`${server.url}/api/v2/files/${id}`, { headers: asBackend })).status).equal(200);
    await server.end();
  });
});

describe('A server without sharp', () => {
  const folder = temporaryFolder('im-no-sharp-');
  after(() => removeFolder(folder));

  it('says so in one line at its start', async () => {
    const preload = path.join(folder, 'no-sharp.js');
    writeFileSync(
      preload,
      `const m = require('node:module'); const load = m._load;
       m._load = function (name) { if (name === 'sharp') throw new Error('not there'); return load.apply(this, arguments); };`,
    );
    const server = ChildServer.spawn(
      { IM_PROFILE: 'test', IM_PORT: '0', IM_FILES: `file:${path.join(folder, 'files')}` },
      folder,
      ['--require', preload],
    );
    await server.listening();
    await waitUntil(
      () => server.stdout.includes('sharp'),
      20_000,
      () => server.stdout,
    );
    should(server.lines.filter((line) => line.includes('sharp')).length).equal(1);
    await server.end();
  });

  it('a folder that can not be made is a setting that fails: 78', async () => {
    const file = path.join(folder, 'a-file');
    writeFileSync(file, 'x');
    for (const [setting, named] of [
      [`file:${path.join(file, 'files')}`, 'IM_FILES'],
      ['s3://bucket', 'AWS_ACCESS_KEY_ID'],
      ['ftp://x', 'IM_FILES'],
    ] as const) {
      const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', IM_FILES: setting }, folder);
      const { code } = await server.exited;
      should([code, server.stderr.split(' ')[0]]).eql([78, named]);
      should(server.stderr.trim().split('\n').length).equal(1);
    }
  });
});
