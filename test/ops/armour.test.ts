import should from 'should';
import ts from 'typescript';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TIMES, type SuperviseOptions } from '../../src/app.armour';

const ROOT = path.resolve(__dirname, '../..');
const SOURCE = path.join(ROOT, 'src/app.armour.ts');
const RESTART = /^\[WARN\] app\.armour\.js\((\d+),(\d+)\): (.*)$/;

/** Reports its start and stays, but never longer than its supervisor. */
const STAY = `process.on('disconnect', () => process.exit(1)); setInterval(() => {}, 1000); console.log('up', process.pid);`;
/** On SIGTERM or SIGINT it takes 300 ms, as a server that finishes what is in flight. */
const STEADY = `
  const stop = (signal) => { console.log('got', signal); setTimeout(() => { console.log('done'); process.exit(+process.argv[2] || 0); }, 300); };
  process.on('SIGTERM', stop); process.on('SIGINT', stop); ${STAY}`;
const STUBBORN = `process.on('SIGTERM', () => console.log('got SIGTERM')); ${STAY}`;
const CRASH = `console.log('up', Date.now()); process.on('exit', () => console.log('down', Date.now())); process.exitCode = 3;`;

/** What `get` gives, as soon as it gives something. */
async function eventually<T>(get: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const got = get();
    if (got !== undefined) return got;
    await sleep(5);
  }
  throw new Error(`in vain: ${String(get)}`);
}

/** A supervisor under test: its own process, with everything that it and its children print. */
class Supervisor {
  readonly lines: string[] = [];
  readonly exit: Promise<number | null>;

  constructor(readonly process: ChildProcess) {
    let rest = '';
    process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
    });
    this.exit = once(process, 'close').then(([code]) => code as number | null);
  }

  /** Waits until `count` lines match, and gives them all. */
  until(pattern: RegExp, count = 1): Promise<string[]> {
    return eventually(() => {
      const found = this.lines.filter((line) => pattern.test(line));
      return found.length >= count ? found : undefined;
    });
  }

  /** The number on the newest line `up …`: the child's process id. */
  async childId(count = 1): Promise<number> {
    return Number((await this.until(/^up /, count)).at(-1)?.slice(3));
  }

  restarts(): string[] {
    return this.lines.filter((line) => RESTART.test(line));
  }

  kill(signal: NodeJS.Signals): void {
    should(this.process.kill(signal)).be.true();
  }
}

describe('The supervisor', function () {
  let folder: string;
  let running: Supervisor[] = [];

  const write = (name: string, text: string): string => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const run = (args: string[]): Supervisor => {
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
    const supervisor = new Supervisor(spawn(process.execPath, args, { cwd: folder, stdio: [...stdio] }));
    running.push(supervisor);
    return supervisor;
  };
  /** As operators run it. */
  const armour = (code: string, ...args: string[]) =>
    run(['app.armour.js', write('child.js', code), ...args]);
  /** With other times, and in the `world` of another platform or a missing Node. */
  const supervise = (code: string, options: Partial<SuperviseOptions>, world: object = {}) => {
    const all = { script: write('child.js', code), ...options };
    return run(['drive.js', JSON.stringify(all), JSON.stringify(world)]);
  };
  const waits = (of: Supervisor) => of.restarts().map((line) => Number(/ in ([\d.]+) s$/.exec(line)?.[1]));

  before(() => {
    // Built by hand into an empty folder, as it is deployed: there, it finds nothing but Node.
    folder = mkdtempSync(path.join(tmpdir(), 'im-armour-'));
    const { config } = ts.parseConfigFileTextToJson(
      '',
      readFileSync(path.join(ROOT, 'tsconfig.json'), 'utf8'),
    ) as {
      config: ts.TranspileOptions;
    };
    const built = ts.transpileModule(readFileSync(SOURCE, 'utf8'), {
      compilerOptions: { ...config.compilerOptions, sourceMap: false },
      fileName: SOURCE,
    });
    write('app.armour.js', built.outputText);
    write(
      'drive.js',
      `const world = JSON.parse(process.argv[3]);
       for (const [name, value] of Object.entries(world)) Object.defineProperty(process, name, { value });
       require('./app.armour.js').supervise(JSON.parse(process.argv[2])).then((status) => { process.exitCode = status; });`,
    );
  });
  afterEach(async () => {
    for (const { process: supervisor, exit } of running) {
      if (supervisor.exitCode === null) supervisor.kill('SIGKILL');
      await exit;
    }
    running = [];
  });
  after(() => rmSync(folder, { recursive: true }));

  it('starts the server again after kill -9, with one log line that names its own place', async () => {
    const supervisor = armour(STEADY);
    process.kill(await supervisor.childId(), 'SIGKILL');
    await supervisor.childId(2);
    should(supervisor.restarts()).have.length(1);
    const [, line, column, text] = RESTART.exec(supervisor.restarts()[0]!)!;
    should(text).equal('The server was killed by SIGKILL and is started again in 0.5 s');
    const source = readFileSync(path.join(folder, 'app.armour.js'), 'utf8').split('\n')[Number(line) - 1]!;
    should(source.slice(Number(column) - 1)).startWith("log('WARN', ");
    supervisor.kill('SIGTERM');
    should(await supervisor.exit).equal(0);
    should(supervisor.lines).have.length(5, 'up, the line, up, got, done');
  });

  it('waits 0.5 s, then 1 s', async () => {
    const supervisor = armour(CRASH);
    const ups = await supervisor.until(/^up/, 3);
    const downs = await supervisor.until(/^down/, 2);
    const gap = (index: number) => Number(ups[index + 1]!.slice(3)) - Number(downs[index]!.slice(5));
    should(gap(0)).be.within(495, 8_000);
    should(gap(1)).be.within(995, 8_000);
    should(waits(supervisor).slice(0, 2)).eql([0.5, 1]);
    should(supervisor.restarts()[0]).endWith('The server ended with status 3 and is started again in 0.5 s');
    should(TIMES).eql({ firstDelayMs: 500, longestDelayMs: 30_000, healthyMs: 60_000, stopMs: 15_000 });
  });

  it('doubles the wait up to the longest, and stays there', async () => {
    const supervisor = supervise(CRASH, { firstDelayMs: 10, longestDelayMs: 50 });
    await supervisor.until(RESTART, 5);
    should(waits(supervisor).slice(0, 5)).eql([0.01, 0.02, 0.04, 0.05, 0.05]);
  });

  it('is back at the first wait after a healthy run', async () => {
    const code = `const fs = require('node:fs'); fs.appendFileSync('runs', '.');
      setTimeout(() => process.exit(1), fs.readFileSync('runs').length === 4 ? 3_000 : 0);`;
    const supervisor = supervise(code, { firstDelayMs: 10, healthyMs: 3_000 });
    await supervisor.until(RESTART, 5);
    should(waits(supervisor).slice(0, 5)).eql([0.01, 0.02, 0.04, 0.01, 0.02]);
  });

  for (const status of [0, 78]) {
    it(`does not start again what ended with status ${status}, and ends with it`, async () => {
      const supervisor = armour(`console.log('up'); process.exitCode = ${status};`);
      should(await supervisor.exit).equal(status);
      should(supervisor.lines).eql(['up']);
    });
  }

  for (const [word, status, got] of [
    ['SIGTERM', 0, 'SIGTERM'],
    ['SIGINT', 0, 'SIGINT'],
    ['SIGTERM', 7, 'SIGTERM'],
    ['shutdown', 0, 'SIGTERM'],
  ] as const) {
    it(`passes ${word} on, waits, and ends with the server's status ${status}`, async () => {
      const supervisor = armour(STEADY, String(status));
      await supervisor.childId();
      supervisor.process.send('something else');
      if (word === 'shutdown') supervisor.process.send(word);
      else supervisor.kill(word);
      should(await supervisor.exit).equal(status);
      should(supervisor.lines.slice(1)).eql([`got ${got}`, 'done']);
    });
  }

  it('passes on one signal only, however many come', async () => {
    // Long enough for the other signals to come to it.
    const supervisor = armour(STEADY.replace('300', '2_000'));
    await supervisor.childId();
    supervisor.kill('SIGTERM');
    await supervisor.until(/^got/);
    supervisor.kill('SIGTERM');
    supervisor.kill('SIGINT');
    should(await supervisor.exit).equal(0);
    should(supervisor.lines.slice(1)).eql(['got SIGTERM', 'done']);
  });

  it('ends with 128 + n where signal n ends a server that was told to stop', async () => {
    const supervisor = armour(STAY);
    await supervisor.childId();
    supervisor.kill('SIGTERM');
    should(await supervisor.exit).equal(143);
    should(supervisor.restarts()).be.empty();
  });

  it('kills a server that does not stop in time', async () => {
    const supervisor = supervise(STUBBORN, { stopMs: 400 });
    const id = await supervisor.childId();
    const start = Date.now();
    supervisor.kill('SIGTERM');
    should(await supervisor.exit).equal(137);
    should(Date.now() - start).be.within(395, 15_000);
    should(() => process.kill(id, 0)).throw({ code: 'ESRCH' });
    should(supervisor.lines.slice(1)).have.length(2);
    should(supervisor.lines[2]).match(/^\[ERROR\] app\.armour\.js\(\d+,\d+\): .*0\.4 s/);
  });

  it('ends at once when told to stop while it waits to start the server again', async () => {
    const supervisor = supervise(CRASH, { firstDelayMs: 20_000 });
    await supervisor.until(RESTART);
    supervisor.kill('SIGTERM');
    should(await supervisor.exit).equal(0);
    should(supervisor.lines).have.length(3, 'up, down, the line');
  });

  it('leaves no server behind when it is killed itself', async () => {
    const supervisor = armour(
      `process.on('disconnect', () => { console.log('alone'); process.exit(0); }); console.log('up', process.pid);`,
    );
    await supervisor.childId();
    supervisor.kill('SIGKILL');
    // The output's end is the end of all who held it, the server too.
    await supervisor.exit;
    should(supervisor.lines.slice(1)).eql(['alone']);
  });

  it('sends `shutdown` where there are no signals between processes', async () => {
    const code = `${STUBBORN} process.on('message', (message) => { console.log('got', message); process.exit(0); });`;
    const supervisor = supervise(code, {}, { platform: 'win32' });
    await supervisor.childId();
    supervisor.kill('SIGINT');
    should(await supervisor.exit).equal(0);
    should(supervisor.lines.slice(1)).eql(['got shutdown']);
  });

  it('outlives the reader of its log', async () => {
    const starts = path.join(folder, 'starts');
    const code = `require('node:fs').appendFileSync('starts', process.pid + ' '); ${STAY.replace(/console.*/, '')}`;
    const childId = (count: number) =>
      eventually(
        () => (existsSync(starts) ? readFileSync(starts, 'utf8') : '').split(' ').slice(0, -1)[count - 1],
      );
    const supervisor = supervise(code, { firstDelayMs: 10 });
    supervisor.process.stdout?.destroy();
    process.kill(Number(await childId(1)), 'SIGKILL');
    await childId(2);
    supervisor.kill('SIGTERM');
    should(await supervisor.exit).equal(143);
  });

  for (const [what, options, world, code] of [
    ['there is no Node to run', {}, { execPath: '/nowhere/node' }, 'ENOENT'],
    ['Node refuses to start', { args: ['\0'] }, {}, 'ERR_INVALID_ARG_VALUE'],
  ] as const) {
    it(`keeps trying when ${what}`, async () => {
      const supervisor = supervise(STEADY, { ...options, firstDelayMs: 10 }, world);
      const lines = await supervisor.until(RESTART, 2);
      should(lines[1]).endWith(`The server could not be started (${code}) and is started again in 0.02 s`);
      supervisor.kill('SIGTERM');
      should(await supervisor.exit).equal(0);
    });
  }

  it('runs the app.js beside it', async () => {
    write('app.js', `console.log('beside', process.argv.length); process.exitCode = 78;`);
    const supervisor = run([path.join(folder, 'app.armour.js')]);
    should(await supervisor.exit).equal(78);
    should(supervisor.lines).eql(['beside 2']);
  });

  it('runs the app.ts beside it under ts-node, and then names the place in the source', async () => {
    write('app.armour.ts', readFileSync(SOURCE, 'utf8'));
    write('app.ts', `const up: string = 'up in TypeScript'; console.log(up); process.exitCode = 3;`);
    const tsNode = ['--enable-source-maps', '-r', require.resolve('ts-node/register/transpile-only')];
    process.env.TS_NODE_PROJECT = path.join(ROOT, 'tsconfig.json');
    const supervisor = run([...tsNode, path.join(folder, 'app.armour.ts')]);
    delete process.env.TS_NODE_PROJECT;
    await supervisor.until(/^up in TypeScript$/, 2);
    const [, line, column] = /^\[WARN\] app\.armour\.ts\((\d+),(\d+)\): /.exec(supervisor.lines[1]!)!;
    const source = readFileSync(SOURCE, 'utf8').split('\n')[Number(line) - 1]!;
    should(source.slice(Number(column) - 1)).startWith("log('WARN', ");
    supervisor.kill('SIGTERM');
  });
});
