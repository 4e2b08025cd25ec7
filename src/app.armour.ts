import { fork, type ChildProcess } from 'node:child_process';
import { findSourceMap } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

// The supervisor: it runs the server as a child process and starts it again when it dies. It imports Node alone, so
// that nothing which can break the server (a package, a file of ours, the configuration) can break its guard.

/** When to restart and how long to wait, all in milliseconds: the contract's numbers. */
export const TIMES = {
  /** the wait before the first restart; each further one waits twice as long */
  firstDelayMs: 500,
  longestDelayMs: 30_000,
  /** a server that ran this long was healthy: the next wait is the first again */
  healthyMs: 60_000,
  /** how long a server that was told to stop may take, before it is killed */
  stopMs: 15_000,
};

export interface SuperviseOptions extends Partial<typeof TIMES> {
  script: string;
  args?: readonly string[];
  /** Node's own options for the child; the supervisor's by default, which is how ts-node reaches it */
  execArgv?: readonly string[];
}

/** Exits that another start would only repeat: what was asked for, and EX_CONFIG of sysexits.h (a wrong setting). */
const FINAL = [0, 78];

/** SIGBREAK (Ctrl-Break) and SIGHUP (the console is closed) reach Node on Windows alone. */
const STOP_SIGNALS: readonly NodeJS.Signals[] =
  process.platform === 'win32' ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : ['SIGINT', 'SIGTERM'];

/** One log line in the server's format, with the place that calls it; under `--enable-source-maps` the source's. */
function log(level: 'WARN' | 'ERROR', text: string): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back untouched
  const { prepareStackTrace } = Error;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  Error.prepareStackTrace = (_error, sites) => sites;
  Error.captureStackTrace(holder, log);
  const site = holder.stack?.[0];
  Error.prepareStackTrace = prepareStackTrace;

  const [line, column] = [site?.getLineNumber() ?? 0, site?.getColumnNumber() ?? 0];
  const entry = findSourceMap(__filename)?.findEntry(line - 1, column - 1);
  const at =
    entry !== undefined && 'originalLine' in entry
      ? `${path.basename(entry.originalSource)}(${entry.originalLine + 1},${entry.originalColumn + 1})`
      : `${path.basename(__filename)}(${line},${column})`;
  process.stdout.write(`[${level}] ${at}: ${text}\n`);
}

interface End {
  status: number;
  how: string;
}

/** What a child that could not even be started counts as. */
function notStarted(error: unknown): End {
  return { status: 1, how: `could not be started (${(error as NodeJS.ErrnoException).code ?? 'no code'})` };
}

function ended(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(
        signal === null
          ? { status: code ?? 1, how: `ended with status ${code}` }
          : { status: 128 + constants.signals[signal], how: `was killed by ${signal}` },
      ),
    );
    // Also raised where a signal or a message does not reach a child that is ending: its exit follows.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(notStarted(error));
    });
  });
}

/** Asks the child to stop. Windows has no signals between processes, so there the word goes over the IPC channel. */
function askToStop(child: ChildProcess, signal: NodeJS.Signals): void {
  if (process.platform !== 'win32') child.kill(signal);
  else if (child.connected) child.send('shutdown', () => undefined);
}

/**
 * Runs `script` and starts it again after every abnormal end, until it ends with status 0 or 78 or this process is told
 * to stop by SIGINT, SIGTERM or the IPC message `shutdown`. A stop is passed on once and waited for; what comes after
 * it changes nothing.
 * @returns the status to exit with: the child's last, 128+n where signal n killed it, 0 for a stop between two children
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { script, args = [], execArgv = process.execArgv } = options;
  const { firstDelayMs, longestDelayMs, healthyMs, stopMs } = { ...TIMES, ...options };

  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(signal);
  const onMessage = (message: unknown) => {
    if (message === 'shutdown') stop.abort('SIGTERM');
  };
  const onLost = () => undefined;
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  process.on('message', onMessage);
  // Whoever reads the log may go away (EPIPE); the server is guarded all the same.
  process.stdout.on('error', onLost);

  const runOnce = async (): Promise<End> => {
    // The IPC channel also tells the child of this process's death: the server stops on 'disconnect'.
    let child: ChildProcess;
    try {
      child = fork(script, args, { execArgv: [...execArgv] });
    } catch (error) {
      // Node raises some failures at once (ENOMEM), others as an event: neither may end the supervisor.
      return notStarted(error);
    }
    let deadline: NodeJS.Timeout | undefined;
    const onStop = () => {
      askToStop(child, stop.signal.reason as NodeJS.Signals);
      deadline = setTimeout(() => {
        log('ERROR', `The server did not stop within ${stopMs / 1000} s and is killed`);
        child.kill('SIGKILL');
      }, stopMs);
    };
    stop.signal.addEventListener('abort', onStop, { once: true });
    const end = await ended(child);
    stop.signal.removeEventListener('abort', onStop);
    clearTimeout(deadline);
    return end;
  };

  try {
    for (let delay = firstDelayMs; ; delay = Math.min(delay * 2, longestDelayMs)) {
      const startedAt = performance.now();
      const { status, how } = await runOnce();
      if (stop.signal.aborted || FINAL.includes(status)) return status;
      if (performance.now() - startedAt >= healthyMs) delay = firstDelayMs;
      log('WARN', `The server ${how} and is started again in ${delay / 1000} s`);
      const stopped = await sleep(delay, false, { signal: stop.signal }).catch(() => true);
      if (stopped) return 0;
    }
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    process.off('message', onMessage);
    process.stdout.off('error', onLost);
  }
}

if (require.main === module) {
  const [script = path.join(__dirname, `app${path.extname(__filename)}`), ...args] = process.argv.slice(2);
  void supervise({ script, args }).then((status) => {
    process.exitCode = status;
  });
}
