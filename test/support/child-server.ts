import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { builtSource } from './built-source';
import { APP_KEY, TOKEN_SECRET } from './keys';
import { findProgram } from './processes';
import { waitUntil } from './wait-until';

const START_LIMIT_MS = 40_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();
/** Ends what a failed test left behind. */
export function endChildServers(): void {
  for (const child of running) child.kill('SIGKILL');
}
process.on('exit', endChildServers);

/** The server in a process of its own, as an operator starts it. */
export class ChildServer {
  /** What it has printed so far. */
  stdout = '';
  stderr = '';
  /** Resolves when the process is gone and all that it printed is here. */
  readonly exited: Promise<Exit>;
  private gone = false;

  private constructor(private readonly child: ChildProcess) {
    running.add(child);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.gone = true;
        running.delete(child);
        resolve({ code, signal });
      });
    });
  }

  /**
   * Starts the process and does not wait for anything.
   * @param environment all that it sees beside PATH: no IM_* setting of this process leaks in
   * @param folder the working directory, from which .env is read
   * @param options of node's own
   */
  static spawn(
    environment: Record<string, string>,
    folder = os.tmpdir(),
    options: readonly string[] = [],
  ): ChildServer {
    const node = [process.execPath, ...options, path.join(builtSource(), 'app.js')];
    // Linux ends it with us even when we are killed and no handler runs.
    const guard = process.platform === 'linux' ? findProgram('setpriv') : undefined;
    const line = guard === undefined ? node : [guard, '--pdeathsig', 'KILL', ...node];
    const child = spawn(line[0]!, line.slice(1), {
      cwd: folder,
      env: { PATH: process.env.PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new ChildServer(child);
  }

  /** A server of the profile `test` on a free port. Resolves when it listens. @throws with what it printed when it ends instead. */
  static async start(environment: Record<string, string>): Promise<ChildServer> {
    const server = ChildServer.spawn({
      IM_PROFILE: 'test',
      IM_PORT: '0',
      IM_APP_KEY: APP_KEY,
      IM_TOKEN_SECRET: TOKEN_SECRET,
      IM_FILES: 'off',
      ...environment,
    });
    await server.listening();
    return server;
  }

  /** Resolves when it has said both of the lines that come first: they may arrive one by one. */
  async listening(): Promise<void> {
    const said = () => `the server is not up:\n${this.stdout}${this.stderr}\n`;
    await waitUntil(
      () => {
        if (this.gone) throw new Error(said());
        return this.port !== undefined && /Configuration profile: .*\n/.test(this.stdout);
      },
      START_LIMIT_MS,
      said,
    );
  }

  /** Undefined until it listens. */
  get port(): number | undefined {
    const port = /Starting IM server, .* running on port ([1-9]\d*), .*\n/.exec(this.stdout)?.[1];
    return port === undefined ? undefined : Number(port);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it printed on standard output, line by line. */
  get lines(): string[] {
    return this.stdout.split('\n').filter((line) => line !== '');
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return await this.exited;
  }
}
