import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { SETTINGS } from '../../src/resources/config/settings';
import { freePort } from '../support/free-port';
import { findProgram, ServerProcess, temporaryFolder } from '../support/processes';
import { residentKib } from './process-usage';

const LOG_SHOWN = 2_000;

export const APP_KEY = 'the-benchmarks-own-app-key';

/** A server process of ours on 127.0.0.1, with its log in a file. */
export class BenchServer {
  private constructor(
    readonly port: number,
    private readonly process: ServerProcess,
    private readonly logFile: string,
  ) {}

  /**
   * Starts `node <flags> <script>`.
   * @param environment of the program, beside this process's own
   * @throws with the end of its log when it does not listen in time
   */
  static async start(
    script: string,
    environment: (port: number) => Record<string, string>,
    flags: readonly string[] = [],
  ): Promise<BenchServer> {
    const port = await freePort();
    const logFile = path.join(temporaryFolder('im-bench-'), 'log');
    const program = findProgram('env');
    if (program === undefined) throw new Error('there is no program "env"');
    const variables = Object.entries(environment(port)).map(([name, value]) => `${name}=${value}`);
    const server = new ServerProcess({
      program,
      args: [...variables, process.execPath, ...flags, script],
      logFile,
      probe: () => probe(port),
    });
    await server.start();
    return new BenchServer(port, server, logFile);
  }

  get pid(): number {
    const { pid } = this.process;
    if (pid === undefined) throw this.#ended();
    return pid;
  }

  /** @throws with the end of the log when the server has ended */
  residentKib(): number {
    try {
      return residentKib(this.pid);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? this.#ended() : error;
    }
  }

  #ended(): Error {
    return new Error(`the server has ended; the end of its log: ${this.log().slice(-LOG_SHOWN)}`);
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

function probe(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/**
 * The server as in production: app key, tokens, notices, metrics, request ids, log at `info`. Only the limit of what one
 * user may send is out of the way. Settings of the surroundings, also those in a .env file, don't get in.
 */
export function imEnvironment(databaseUrl: string, port: number): Record<string, string> {
  return {
    ...Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, ''])),
    IM_PROFILE: 'prod',
    IM_HOST: '127.0.0.1',
    IM_PORT: String(port),
    IM_DATABASE_URL: databaseUrl,
    IM_APP_KEY: APP_KEY,
    IM_TOKEN_SECRET: 'the-benchmarks-own-token-secret-of-32-bytes-or-more',
    IM_SEND_RATE: '1000000',
    IM_LOG_LEVEL: 'info',
  };
}
