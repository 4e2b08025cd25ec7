import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { makePlatformViews } from '../../src/model/platform/platform-views';
import { findUser, profilesAreViews } from '../../src/model/users';
import { builtSource } from '../support/built-source';
import { eachSqlServer } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { TestServer } from '../support/server';
import { runOperatorCommand } from './operator-command';
import { FILES, NAMES, ownTables, platform, rowsOf, run, SHIPPED } from './platform-schema';

/** Another run may use the same MySQL. */
const LIMITED = `limited_${process.pid}`;

eachSqlServer("A server with the platform's views", (kind) => {
  let server: TestServer;
  let own: Database;
  let ownUrl: string;
  let schema: string;

  before(async () => {
    ownUrl = await kind.emptyUrl();
    own = openDatabase(ownUrl, { connections: 2 });
    schema = await platform(own);
    // Before the first start: the migration finds the views in the place of its tables.
    await makePlatformViews(own, { schema, definitions: SHIPPED, keep: false });
    server = await TestServer.start({ IM_DATABASE_URL: ownUrl });
  });
  after(async () => {
    await server.stop();
    await own.close();
  });

  it('logs in whom the platform knows, and nobody else', async () => {
    const login = (user_id: string, user_type: string) =>
      server.request('post', '/users/login').send({ user_id, user_type });
    const { body } = await login('P1', 'patient').expect(200);
    should(body.user).containEql({ id: 'P1', name: '王病人', sex: 2, birthdate: '1980-12-31' });
    await login('p1', 'patient').expect(404);
    await login('P9', 'patient').expect(404);
    await login('P1', 'doctor').expect(400);
    await login('d2', 'doctor').expect(200);
  });

  it('makes sessions, sends, starts topics, and names people as the platform does', async () => {
    await server.session('S1', 1, 'P1', 'D1', 'P3');
    const message = await server.send('S1', 'D1', '您好');
    should(message.sender_name).equal('张医生');
    should((await server.send('S1', 'P3', '你好')).sender_name).equal('长'.repeat(100));
    await server
      .request('post', '/sessions/T1/topics')
      .send({ session_id: 'S1', user_id: 'P1', name: '头疼' })
      .expect(201);
    const { body } = await server.request('get', '/sessions/S1/participants').expect(200);
    should(body.items.map((each: { name: string }) => each.name)).eql(['张医生', '王病人', '长'.repeat(100)]);
    const token = await server.token('P1');
    const unread = await server.request('get', '/application/badge_no', token).expect(200);
    should(unread.body.badge_no).equal(2);
  });

  it('pushes to sockets and writes notices with the openid of the platform', async () => {
    const socket = await server.socket('P1', 'S1');
    await server.send('S1', 'D1', '第二条');
    should((await socket.next('message')).data.message.sender_name).equal('张医生');
    await socket.close();
    const { body } = await server.request('get', '/users/P1').expect(200);
    should(body.openid).equal('openid-P1');
  });

  it('remembers when somebody was active who never logged in here', async () => {
    await server.session('S2', 1, 'X7', 'P1');
    const sent = await server.send('S2', 'X7', '您好');
    await server.context.activity.flush();
    const times = async () =>
      (await server.request('get', '/users/X7/consult/time').expect(200)).body as object;
    const before = await times();
    should(before).have.property('last_active_time').which.is.a.String();
    should(before).containEql({ last_consult_time: sent.timestamp });
    // Also after they left; and for one of whom nothing was written at all.
    await server.session('S3', 1, 'X8', 'P1');
    const other = await server.send('S3', 'X8', '您好');
    for (const [session, id] of [
      ['S2', 'X7'],
      ['S3', 'X8'],
    ] as const)
      await server.request('delete', `/sessions/${session}/participants/${id}`).expect(204);
    should(await times()).eql(before);
    const left = await server.request('get', '/users/X8/consult/time').expect(200);
    should(left.body).containEql({ last_consult_time: other.timestamp });
  });

  it('changes no profile', async () => {
    const before = await rowsOf(own, `select count(*) as count from \`${schema}\`.wlyy_patient`);
    for (const id of ['P1', 'P77']) {
      const answer = await server
        .request('put', `/users/${id}`)
        .send({ type: 'patient', name: '别名' })
        .expect(409);
      should(answer.body.code).equal('conflict');
    }
    should(await rowsOf(own, `select count(*) as count from \`${schema}\`.wlyy_patient`)).eql(before);
  });

  it('needs no more than to read the platform', async () => {
    // MySQL lets nobody but such an account drop the views of one that may do everything: it begins with none.
    const limited = new URL(await kind.emptyUrl());
    const name = limited.pathname.slice(1);
    limited.username = LIMITED;
    limited.password = 'limited';
    await run(
      own,
      `create user ${LIMITED} identified by 'limited'`,
      `grant all on \`${name}\`.* to ${LIMITED}`,
    );
    const account = openDatabase(limited.href, { connections: 2 });
    const again = () => makePlatformViews(account, { schema, definitions: SHIPPED, keep: false });
    try {
      await should(again()).be.rejectedWith(/no schema .* may not read it/);
      await run(own, `grant select on \`${schema}\`.* to ${LIMITED}`);
      should(await again()).eql([]);
      should((await findUser(account.kysely, 'P1'))?.name).equal('王病人');
      should(await profilesAreViews(account.kysely, account.dialect)).be.true();
      await should(run(account, `update patients set openid = 'x'`)).be.rejected();
      await should(run(account, `delete from patients where id = 'P1'`)).be.rejectedWith(
        /denied|lack rights/,
      );
      const served = await TestServer.start({ IM_DATABASE_URL: limited.href });
      await served.request('get', '/users/D1').expect(200);
      await served.stop();
    } finally {
      await account.close();
      await run(own, `drop user ${LIMITED}`);
    }
  });

  it('starts again over the views', async () => {
    const again = await TestServer.start({ IM_DATABASE_URL: ownUrl });
    await again.request('get', '/users/D1').expect(200);
    await again.stop();
  });
});

eachSqlServer('npm run platform-views', (kind) => {
  let folder: string;
  let url: string;
  let database: Database;
  before(async function () {
    // The first to need it waits until all of src is translated.
    this.timeout(60_000);
    builtSource();
    folder = temporaryFolder('im-views-');
    url = await kind.emptyUrl();
    database = openDatabase(url, { connections: 2 });
  });
  after(async () => {
    await database.close();
    removeFolder(folder);
  });

  it('makes the views, from files of the operator too', async () => {
    await ownTables(database);
    const schema = await platform(database);
    const done = await runOperatorCommand('platform-views', [schema], { IM_DATABASE_URL: url });
    should(done).containEql({ status: 0, stderr: '' });
    should(done.stdout).match(new RegExp(`are views onto ${schema}`));

    const edited = path.join(folder, 'edited');
    await mkdir(edited);
    for (const name of NAMES)
      await copyFile(path.join(FILES, `${name}.sql`), path.join(edited, `${name}.sql`));
    await writeFile(
      path.join(edited, 'doctors.sql'),
      SHIPPED.doctors.replace('d.name', `concat(d.name, '主任')`),
    );
    const again = await runOperatorCommand('platform-views', ['--from', edited, schema], {
      IM_DATABASE_URL: url,
    });
    should(again.status).equal(0, again.stderr);
    should((await findUser(database.kysely, 'D1'))?.name).equal('张医生主任');
  });

  for (const [title, args, environment, status, message] of [
    ['SQLite', ['wlyy'], { IM_DATABASE_URL: 'sqlite::memory:' }, 1, /MySQL or MariaDB.*SQLite/],
    ['no schema named', [], {}, 64, /^One schema is needed\.\nUsage: /],
    ['an unknown option', ['--force', 'wlyy'], {}, 64, /--force[^]*Usage: /],
    ['a bad setting', ['wlyy'], { IM_PORT: 'http' }, 78, /^IM_PORT accepts .*\n$/],
    [
      'no database',
      ['wlyy'],
      { IM_DATABASE_URL: 'mysql://im:secret@127.0.0.1:1/im' },
      1,
      /^The database can't be reached: mysql:\/\/127\.0\.0\.1:1\/im \(ECONNREFUSED\)\n$/,
    ],
    [
      'no files',
      ['--from', '/nowhere', 'wlyy'],
      {},
      1,
      /(doctors|patients|wlyy_consults)\.sql can't be read \(ENOENT\)/,
    ],
  ] as const) {
    it(`ends with ${status}: ${title}`, async () => {
      const outcome = await runOperatorCommand('platform-views', args, environment);
      should(outcome).containEql({ status, stdout: '' });
      should(outcome.stderr).match(message);
      should(outcome.stderr).not.match(/ {4}at |secret/);
    });
  }
});
