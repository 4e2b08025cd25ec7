import { randomUUID } from 'node:crypto';
import { type Database } from '../../db/database';
import { Lease } from '../../db/lease';
import { describeError, log } from '../../logger';
import { repeat } from '../../repeat';

const LOOK_MS = 2_000;
const LEASE_MS = 15_000;
const WARN_EVERY_MS = 60 * 60_000;

/**
 * A process without Redis has to be the only one at its database: nothing tells it what another one does. So each holds a lease,
 * and who finds that another process renews it warns, soon after its start and once an hour. (A lease that is not renewed
 * is one that a killed process left.)
 */
export class LoneProcess {
  readonly #lease: Lease;
  #end: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();
  #found: string | undefined;
  #warnedAt = -Infinity;

  constructor(
    database: Database,
    private readonly lookMs = LOOK_MS,
    private readonly warnEveryMs = WARN_EVERY_MS,
  ) {
    this.#lease = new Lease(database, 'lone process', randomUUID());
  }

  /** Looks at once, and then again and again; needs the schema. */
  start(): void {
    const look = () => (this.#looking = this.#look());
    void look();
    this.#end = repeat(this.lookMs, look);
  }

  /** Leaves the lease to whoever comes next. */
  async close(): Promise<void> {
    this.#end();
    await this.#looking;
    await this.#lease.hold(0).catch((error: unknown) => {
      log.debug(`the lease of the only process runs out by itself: ${describeError(error)}`);
    });
  }

  async #look(): Promise<void> {
    try {
      if ((await this.#lease.hold(LEASE_MS)) || (await this.#lease.take(LEASE_MS))) return;
      const before = this.#found;
      this.#found = this.#lease.found;
      if (before !== undefined && before !== this.#found) this.#warn();
    } catch (error) {
      log.debug(`whether other processes are there could not be read: ${describeError(error)}`);
    }
  }

  #warn(): void {
    const now = performance.now();
    if (now - this.#warnedAt < this.warnEveryMs) return;
    this.#warnedAt = now;
    log.warn(
      'another process uses this database, and here IM_REDIS_URL is not set: neither hears of what the other one does. ' +
        'Set IM_REDIS_URL for all of them, or end all but one',
    );
  }
}
