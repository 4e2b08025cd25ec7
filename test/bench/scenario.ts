import path from 'node:path';
import { type BenchDatabase, type Tables } from './bench-database';
import { LoadProcess } from './load-process';
import { type BenchOptions } from './options';
import { type Report } from './report';
import { BenchServer, imEnvironment } from './servers';

/** What a scenario works with; whatever it starts is ended after it. */
export class Bench {
  readonly #ends: (() => Promise<void>)[] = [];
  #runs = 0;

  constructor(
    readonly options: BenchOptions,
    readonly report: Report,
    readonly database: BenchDatabase,
    private readonly serverMain: string,
    private readonly childrenFolder: string,
  ) {}

  get sizes() {
    return this.options.sizes;
  }

  /** A name that no other load of this benchmark has. */
  nextRun(): string {
    return `r${++this.#runs}`;
  }

  say(text: string): void {
    console.log(`  ${text}`);
  }

  async tables(): Promise<Tables> {
    const tables = await this.database.create();
    this.#ends.push(() => tables.close());
    return tables;
  }

  /** The server under test, with settings as in production. */
  async server(
    tables: Tables,
    options: { flags?: string[]; settings?: Record<string, string>; measuresMemory?: boolean } = {},
  ): Promise<BenchServer> {
    return await this.#start(
      this.serverMain,
      (port) => ({ ...imEnvironment(tables.url, port), ...options.settings }),
      [...(options.flags ?? []), ...(options.measuresMemory === true ? this.#gcFlags() : [])],
    );
  }

  async naiveServer(tables: Tables): Promise<BenchServer> {
    return await this.#start(this.#child('naive-server.js'), (port) => ({
      NAIVE_DATABASE_URL: tables.url,
      NAIVE_PORT: String(port),
    }));
  }

  async rawServer(options: { measuresMemory?: boolean } = {}): Promise<BenchServer> {
    return await this.#start(
      this.#child('raw-ws-server.js'),
      (port) => ({ RAW_PORT: String(port) }),
      options.measuresMemory === true ? this.#gcFlags() : [],
    );
  }

  client(): LoadProcess {
    const client = new LoadProcess(this.childrenFolder);
    this.#ends.push(() => client.stop());
    return client;
  }

  /** To be ended with the scenario. */
  onEnd(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  #child(name: string): string {
    return path.join(this.childrenFolder, name);
  }

  #gcFlags(): string[] {
    return ['--expose-gc', '-r', this.#child('gc-on-signal.js')];
  }

  async #start(
    script: string,
    environment: (port: number) => Record<string, string>,
    flags: readonly string[] = [],
  ): Promise<BenchServer> {
    const server = await BenchServer.start(script, environment, flags);
    this.#ends.push(() => server.stop());
    return server;
  }
}

export type Scenario = (bench: Bench) => Promise<void>;

/**
 * One round of a comparison: first the one side, then the other, in turns, so that whatever slows the machine down meanwhile
 * slows both.
 */
export async function bothSides<Server, Yardstick>(
  round: number,
  server: () => Promise<Server>,
  yardstick: () => Promise<Yardstick>,
): Promise<[Server, Yardstick]> {
  if (round % 2 === 1) {
    const first = await server();
    return [first, await yardstick()];
  }
  const first = await yardstick();
  return [await server(), first];
}
