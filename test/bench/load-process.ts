import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { type AnyTask, type ResultOf } from './client/tasks';

const STOP_LIMIT_MS = 3_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process of its own that makes load: the measured server shares no event loop with its clients. */
export class LoadProcess {
  readonly #child: ChildProcess;

  /** @param folder where `builtChildren` put the programs */
  constructor(folder: string) {
    const child = fork(path.join(folder, 'client', 'load-client.js'), {
      execArgv: [],
      serialization: 'advanced',
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
  }

  /** @param limitMs the task is broken off after it. @throws what went wrong in the client */
  run<T extends AnyTask>(task: T, limitMs: number): Promise<ResultOf<T>> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const timer = setTimeout(() => {
        end();
        child.kill('SIGKILL');
        reject(new Error(`a load client did not end "${task.kind}" in ${limitMs} ms`));
      }, limitMs);
      const onMessage = (answer: { result?: ResultOf<T>; error?: string }) => {
        end();
        if (answer.result === undefined) reject(new Error(`load client: ${String(answer.error)}`));
        else resolve(answer.result);
      };
      const onExit = (code: number | null) => {
        end();
        reject(new Error(`a load client ended with ${String(code)}`));
      };
      child.once('message', onMessage);
      child.once('exit', onExit);
      child.send(task);
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(hard);
  }
}
