import should from 'should';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ChildServer } from '../support/child-server';
import { freePort } from '../support/free-port';
import { removeFolder, temporaryFolder } from '../support/processes';

const QUICK_MS = 20_000;
const LINE_OF_FILE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(ERROR|WARN|INFO|DEBUG)\] [^ ]+: .+$/;

describe('Why a process ends', function () {
  this.timeout(60_000);
  let folder: string;
  let logs: string;
  let run = 0;

  before(() => {
    folder = temporaryFolder('im-last-words-');
  });
  after(() => removeFolder(folder));
  beforeEach(() => {
    logs = path.join(folder, `run${++run}`, 'logs');
  });

  function start(environment: Record<string, string>, directory = folder, ...options: string[]): ChildServer {
    const base = { IM_PROFILE: 'test', IM_PORT: '0', IM_LOG_DIR: logs };
    return ChildServer.spawn({ ...base, ...environment }, directory, options);
  }

  function fileLines(): string[] {
    const lines = readFileSync(path.join(logs, 'im.log'), 'utf8').trimEnd().split('\n');
    for (const line of lines) line.should.match(LINE_OF_FILE);
    return lines;
  }

  it('is in IM_LOG_DIR: a setting that fails', async () => {
    const server = start({ IM_SEND_RATE: 'fast' });
    should(await server.exited).eql({ code: 78, signal: null });
    should(fileLines().map((line) => line.replace(/^.*?\] /, ''))).eql([`app: ${server.stderr.trimEnd()}`]);
  });

  it('is in the IM_LOG_DIR that .env names, also where something else in it fails', async () => {
    const home = path.join(folder, 'home');
    mkdirSync(home);
    writeFileSync(path.join(home, '.env'), `IM_LOG_DIR=${logs}\nIM_SEND_RATE=fast\n`);
    const server = ChildServer.spawn({ IM_PROFILE: 'test' }, home);
    should(await server.exited).eql({ code: 78, signal: null });
    should(fileLines()[0]).endWith(server.stderr.trimEnd());
  });

  it('is in IM_LOG_DIR: a database that can not be opened, and a port that is taken', async () => {
    const holder = start({ IM_PORT: String(await freePort()), IM_LOG_DIR: '' });
    await holder.listening();
    const taken = start({ IM_PORT: String(holder.port) });
    should(await taken.exited).eql({ code: 1, signal: null });
    should(fileLines().at(-1)).match(/\[ERROR\] app\.js\(\d+,\d+\): the server can't start: .*EADDRINUSE/);
    await holder.end();

    logs = path.join(folder, 'broken');
    writeFileSync(
      path.join(folder, 'text.db'),
      'this is no database, however long one looks at it. '.repeat(50),
    );
    const broken = start({ IM_DATABASE_URL: `sqlite:${path.join(folder, 'text.db')}` });
    should(await broken.exited).eql({ code: 1, signal: null });
    should(fileLines().at(-1)).match(/\[ERROR\] app\.js\(\d+,\d+\): the server can't start: /);
  });

  it('is in IM_LOG_DIR: a signal, and a fault of the program', async () => {
    const stopped = start({});
    await stopped.listening();
    should(await stopped.end()).eql({ code: 0, signal: null });
    should(fileLines().at(-1)).match(/\[INFO\] app\.js\(\d+,\d+\): Stopping: SIGTERM$/);

    logs = path.join(folder, 'fault');
    const fault = path.join(folder, 'fault.js');
    writeFileSync(fault, "setTimeout(() => { throw new RangeError('of a test'); }, 1500);\n");
    const crashed = start({}, folder, '--require', fault);
    should(await crashed.exited).eql({ code: 1, signal: null });
    should(fileLines().at(-1)).match(/\[ERROR\] app\.js\(\d+,\d+\): crashed: RangeError /);
  });

  it('is a folder that can not be made: status 78, at once', async function () {
    if (!existsSync('/proc/self')) this.skip();
    for (const [environment, name] of [
      [{ IM_DATABASE_URL: 'sqlite:/proc/x/im.db', IM_LOG_DIR: '' }, 'IM_DATABASE_URL'],
      [{ IM_DATABASE_URL: 'sqlite:/dev/null/x/im.db', IM_LOG_DIR: '' }, 'IM_DATABASE_URL'],
      [{ IM_LOG_DIR: '/proc/x' }, 'IM_LOG_DIR'],
      [{ IM_LOG_DIR: '/proc/x/y', IM_SEND_RATE: 'fast' }, 'IM_SEND_RATE'],
    ] as const) {
      const since = performance.now();
      const server = start(environment);
      const late = setTimeout(() => void server.end('SIGKILL'), QUICK_MS);
      should(await server.exited).eql({ code: 78, signal: null });
      clearTimeout(late);
      (performance.now() - since).should.be.below(QUICK_MS);
      server.stderr.should.match(new RegExp(`^${name} accepts .+\\n$`));
      should(server.stdout).equal('');
    }
  });
});
