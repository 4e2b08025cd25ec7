import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_LIMIT_MS = 40_000;
const STOP_LIMIT_MS = 10_000;

const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** Ends whatever this process started and removes its folders, at once. */
function endEverything(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

process.on('exit', endEverything);
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(status));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Every file of that name that can be run, in the PATH's order; servers live in sbin, which is not in every user's PATH. */
export function programsNamed(name: string): string[] {
  const places = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return [...new Set(places.map((place) => path.join(place, name)))].filter(isExecutable);
}

/** The full path of the first of `names` that is installed. */
export function findProgram(...names: string[]): string | undefined {
  return names.map((name) => programsNamed(name)[0]).find((file) => file !== undefined);
}

/** A new folder under the system's temporary folder; it is removed at the latest when this process ends. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(folder);
}

export interface ServerCommand {
  program: string;
  args: readonly string[];
  /** Takes the server's output; its end is shown when the server does not come up. */
  logFile: string;
  /** Resolves when the server answers; is tried again while it rejects. */
  probe: () => Promise<void>;
}

/** A server program that can be stopped and started again, and that never outlives this process. */
export class ServerProcess {
  private child: ChildProcess | undefined;

  constructor(private readonly command: ServerCommand) {}

  /** Undefined while the server is stopped. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Resolves when the server answers.
   * @param more arguments for this time, beside the usual ones
   * @throws with the end of its log when it does not come up
   */
  async start(more: readonly string[] = []): Promise<void> {
    if (this.child !== undefined) return;
    const { program, logFile, probe } = this.command;
    const args = [...this.command.args, ...more];
    // Linux ends the server with us even when we are killed and no handler runs.
    const guard = process.platform === 'linux' ? findProgram('setpriv') : undefined;
    const line = guard === undefined ? [program, ...args] : [guard, '--pdeathsig', 'KILL', program, ...args];
    const log = openSync(logFile, 'a');
    const child = spawn(line[0]!, line.slice(1), { stdio: ['ignore', log, log] });
    closeSync(log);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', (code, signal) => {
      failure ??= new Error(`it ended with ${String(code ?? signal)}`);
      running.delete(child);
      if (this.child === child) this.child = undefined;
    });
    this.child = child;
    running.add(child);
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      try {
        await probe();
        break;
      } catch (error) {
        if (failure === undefined && Date.now() < deadline) {
          await delay(20);
          continue;
        }
        await this.stop('SIGKILL');
        const tail = readFileSync(logFile, 'utf8').slice(-2000);
        throw new Error(`${path.basename(program)} did not start: ${String(failure ?? error)}\n${tail}`, {
          cause: error,
        });
      }
    }
    // A suite that forgets its server must not keep the process from ending.
    child.unref();
  }

  /** Resolves when the process is gone; nothing happens when it is not there. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (child?.pid === undefined) {
      this.child = undefined;
      return;
    }
    child.ref();
    const gone = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else child.once('exit', () => resolve());
    });
    child.kill(signal);
    child.kill('SIGCONT');
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(hard);
  }

  /** Freezes the server: its port still takes connections, and nothing answers. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }
}
