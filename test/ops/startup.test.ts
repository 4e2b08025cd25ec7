import should from 'should';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { ChildServer } from '../support/child-server';
import { eachOwnSqlServer } from '../support/databases';
import { freePort } from '../support/free-port';
import { HttpClient } from '../support/http-client';
import { removeFolder, temporaryFolder } from '../support/processes';
import { APP_KEY } from '../support/server';
import { waitUntil } from '../support/wait-until';

const TRIES_MS = 30_000;
const LINE = /^\[(ERROR|WARN|INFO|DEBUG)\] [\w.-]+\.[jt]s\(\d+,\d+\): .+$/;

function announcement(port: number, clock: string): RegExp {
  return new RegExp(
    String.raw`^\[INFO\] app\.[jt]s\(\d+,\d+\): Starting IM server, version 2\.0\.0, running on port ${port}, ${clock}$`,
  );
}

describe('The start of a server', function () {
  this.timeout(60_000);
  let folder: string;
  /** Tries, through all that follows, to reach a database that is not there. */
  let hopeless: { server: ChildServer; since: number; ended: Promise<number> };

  before(async () => {
    folder = temporaryFolder('im-startup-');
    const server = ChildServer.spawn({
      IM_PROFILE: 'test',
      IM_PORT: '1',
      IM_DATABASE_URL: `mysql://im:the-password@127.0.0.1:${await freePort()}/im`,
    });
    const since = Date.now();
    hopeless = { server, since, ended: server.exited.then(() => Date.now()) };
  });

  after(() => removeFolder(folder));

  for (const level of ['error', 'info', 'debug']) {
    it(`is announced by exactly these lines, first of all, at IM_LOG_LEVEL=${level}`, async () => {
      const port = await freePort();
      const hourInShanghai = () =>
        new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 13).replace('T', ' ');
      const hour = hourInShanghai();
      const server = ChildServer.spawn({
        IM_PORT: String(port),
        IM_LOG_LEVEL: level,
        IM_DATABASE_URL: `sqlite:${path.join(folder, level, 'im.db')}`,
        TZ: 'Asia/Shanghai',
      });
      await server.listening();
      const [first, second] = server.lines;
      should(first).match(announcement(port, `(?:${hour}|${hourInShanghai()}):\\d\\d:\\d\\d`));
      should(second).match(/^\[INFO\] app\.[jt]s\(\d+,\d+\): Configuration profile: dev$/);
      await waitUntil(
        () => level === 'error' || server.lines.some((line) => line.includes('anybody')),
        20_000,
        () => 'dev does not warn of its open login',
      );
      const third = server.lines[2];
      if (level === 'error') should(third).equal(undefined);
      if (level === 'info')
        should(third).match(/\[INFO\] app\.[jt]s\(\d+,\d+\): Database: sqlite:.*im\.db \(.*\), bus: memory/);
      for (const line of server.lines) line.should.match(LINE);
      should(await server.end()).eql({ code: 0, signal: null });
      should(server.stderr).equal('');
    });
  }

  it('says how long messages are kept, where they are not kept for ever', async () => {
    const kept = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', IM_RETENTION_DAYS: '400' }, folder);
    await kept.listening();
    await waitUntil(
      () =>
        kept.lines.some((line) =>
          /^\[INFO\] .*: Retention: messages older than 400 days are deleted$/.test(line),
        ),
      20_000,
      () => kept.lines.join('\n'),
    );
    should(await kept.end()).eql({ code: 0, signal: null });
  });

  it('shows positions in the source where source maps are on', async () => {
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0' }, folder, ['--enable-source-maps']);
    await server.listening();
    should(server.lines[0]).match(/^\[INFO\] app\.ts\(\d+,\d+\): Starting IM server/);
    should(await server.end('SIGINT')).eql({ code: 0, signal: null });
  });

  it('ends with status 1 and one line when the port is taken', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: String(port) }, folder);
    should(await server.exited).eql({ code: 1, signal: null });
    should(server.lines.at(-1)).match(
      /^\[ERROR\] .*127\.0\.0\.1:\d+ is in use by another process \(EADDRINUSE\)/,
    );
    should(server.lines.at(-1)).not.match(/ at .*node:/);
    should(server.stderr).equal('');
    other.close();
  });

  it('ends with status 1 and one line when there is no such host to listen on', async () => {
    const server = ChildServer.spawn(
      { IM_PROFILE: 'test', IM_PORT: '0', IM_HOST: 'no-such-host.invalid' },
      folder,
    );
    should(await server.exited).eql({ code: 1, signal: null });
    should(server.lines.at(-1)).match(/^\[ERROR\] .*no-such-host\.invalid can't be found .*: set IM_HOST/);
    should(server.stderr).equal('');
  });

  it('ends with status 1 and one line when the database file can not be opened', async () => {
    const server = ChildServer.spawn({
      IM_PROFILE: 'test',
      IM_PORT: '0',
      IM_DATABASE_URL: `sqlite:${folder}`,
    });
    should(await server.exited).eql({ code: 1, signal: null });
    should(server.lines.at(-1)).match(
      /^\[ERROR\] .*, which IM_DATABASE_URL names, can't be opened as a SQLite database/,
    );
    should(server.stderr).equal('');
  });

  it('takes no SQLite file that another server uses, until that one is gone, however it went', async () => {
    const settings = { IM_PROFILE: 'test', IM_PORT: '0', IM_DATABASE_URL: `sqlite:${folder}/one.db` };
    const first = ChildServer.spawn(settings, folder);
    await first.listening();
    const second = ChildServer.spawn(settings, folder);
    should(await second.exited).eql({ code: 1, signal: null });
    should(second.lines.at(-1)).match(/^\[ERROR\] .*another server process uses .*one\.db/);
    should(second.lines.at(-1)).not.match(/ at .*node:/);
    should(await first.end('SIGKILL')).match({ signal: 'SIGKILL' });
    const third = ChildServer.spawn(settings, folder);
    await third.listening();
    should(await third.end()).eql({ code: 0, signal: null });
  });

  it('gives a database up that does not come within 30 s, with status 1', async () => {
    const { ended, server, since } = hopeless;
    const at = await ended;
    should(await server.exited).eql({ code: 1, signal: null });
    (at - since).should.be.within(TRIES_MS - 500, TRIES_MS + 15_000);
    should(server.lines[0]).match(announcement(1, '.*'));
    should(server.lines.at(-1)).match(
      /^\[ERROR\] app\.js\(\d+,\d+\): the server can't start: .*ECONNREFUSED/,
    );
    `${server.stdout}${server.stderr}`.should.not.containEql('the-password');
    should(server.stderr).equal('');
  });
});

eachOwnSqlServer('The start of a server before its database', function (start) {
  this.timeout(90_000);

  it('waits for a database that comes up late, and says where it is without the password', async () => {
    const sqlServer = await start();
    try {
      const url = await sqlServer.createDatabase();
      await sqlServer.stop();
      const port = await freePort();
      const server = ChildServer.spawn({
        IM_PROFILE: 'test',
        IM_PORT: String(port),
        IM_APP_KEY: APP_KEY,
        IM_DATABASE_URL: url,
      });
      await waitUntil(
        () => server.lines.some((line) => line.startsWith('[WARN]')),
        30_000,
        () => `it does not wait: ${server.stdout}${server.stderr}`,
      );
      await sqlServer.start();
      const rest = new HttpClient(server.url);
      await waitUntil(
        async () => (await rest.get('/users/D').catch(() => undefined))?.status === 404,
        30_000,
        () => `it does not come up: ${server.stdout}`,
      );
      rest.close();
      should(await server.end()).eql({ code: 0, signal: null });
      should(server.lines[0]).match(/Starting IM server/);
      should(server.lines[1]).match(/Configuration profile: test/);
      server.lines.filter((line) => line.includes('Starting IM server')).length.should.equal(1);
      server.lines
        .some((line) => /Database: mysql:\/\/127\.0\.0\.1:\d+\/imtest_\w+, bus: /.test(line))
        .should.be.true();
      server.stdout.should.not.containEql(sqlServer.password);
    } finally {
      await sqlServer.remove();
    }
  });
});
