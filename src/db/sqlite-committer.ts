import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { type StatementResult } from './dialect';
import { type Statement } from './sql-text';

type Reply = { results: StatementResult[] } | { failure: { code?: string; message: string } };

interface Asked {
  resolve(results: StatementResult[]): void;
  reject(error: Error): void;
}

/**
 * Runs statements on a thread of its own, with a connection of its own: so the server receives and answers while the disk
 * writes. Nobody else may write meanwhile: SQLite would let them wait, and with them this whole process.
 */
export class SqliteCommitter {
  #thread: Worker | undefined;
  #asked: Asked[] = [];
  #closed = false;

  constructor(private readonly file: string) {}

  /**
   * @param options `behind`: only if what it was asked before succeeds
   * @throws the driver's errors; `Outdated`'s when what was before it failed; `SQLITE_IOERR` when the thread has ended
   */
  run(
    statements: readonly Statement[],
    { behind = false }: { behind?: boolean } = {},
  ): Promise<StatementResult[]> {
    return new Promise((resolve, reject) => {
      this.#thread ??= this.#start();
      if (this.#asked.length === 0) this.#thread.ref();
      this.#asked.push({ resolve, reject });
      this.#thread.postMessage({ statements, behind });
    });
  }

  /** Ends the thread, after what it was asked. */
  async close(): Promise<void> {
    this.#closed = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    await new Promise<void>((resolve) => {
      thread.once('exit', () => resolve());
      thread.ref();
      thread.postMessage('close');
    });
  }

  /** It keeps the process running only while it is asked for something. */
  #start(): Worker {
    const thread = new Worker(path.join(__dirname, 'sqlite-thread.js'), {
      workerData: this.file,
      execArgv: [],
    });
    thread.on('message', (reply: Reply) => {
      const asked = this.#asked.shift();
      if (this.#asked.length === 0 && !this.#closed) thread.unref();
      if ('results' in reply) asked?.resolve(reply.results);
      else asked?.reject(Object.assign(new Error(reply.failure.message), { code: reply.failure.code }));
    });
    let reason = 'the thread that commits has ended';
    thread.on('error', (error) => {
      reason += `: ${error.message}`;
    });
    thread.on('exit', () => {
      this.#thread = undefined;
      const asked = this.#asked;
      this.#asked = [];
      for (const each of asked) each.reject(Object.assign(new Error(reason), { code: 'SQLITE_IOERR' }));
    });
    return thread;
  }
}
