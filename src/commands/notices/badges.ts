import { setTimeout as sleep } from 'node:timers/promises';
import { type Database } from '../../db/database';
import { describeError, log } from '../../logger';
import { activeDevicesOn, findDevice, retireDevice } from '../../model/devices';
import { unreadTotal } from '../../model/unread';
import { CALL_LIMIT_MS, type Getui } from '../../push/getui/getui';
import { retryDelayMs } from './wechat-channel';

const EVERY_MS = 2_000;
const GIVE_UP_MS = 24 * 60 * 60_000;
/** What a stop waits for: the last count's 2 s, and its call. */
const GRACE_MS = EVERY_MS + CALL_LIMIT_MS;
const LOOK_MS = 20;

/** A device whose badge is to be set, or was a moment ago. */
interface Pending {
  userId: string;
  /** Set while a try waits; the one that comes then counts anew. */
  timer: NodeJS.Timeout | undefined;
  /** When the last try began. */
  lastAt: number;
  /** Whether the count has become smaller since. */
  isStale: boolean;
  isUnderWay: boolean;
  failures: number;
  failingSince: number;
}

/**
 * Sets the number on the icons of a user's iPhones when reading makes it smaller. (A push brings its own number.) The number is
 * counted when it is sent, at most once in 2 s a device; the last one is always sent.
 */
export class Badges {
  readonly #pending = new Map<string, Pending>();
  /** Users whose devices are being looked up. */
  #lookups = 0;
  #closed = false;

  /** @param getui undefined: there are no badges */
  constructor(
    private readonly database: Database,
    private readonly getui: Getui | undefined,
  ) {}

  /** The user has fewer unread messages than before: read, or lost with a session. */
  reduced(userId: string): void {
    if (this.getui === undefined || this.#closed) return;
    this.#lookups += 1;
    activeDevicesOn(this.database.kysely, userId, 'ios')
      .then(
        (clientIds) => {
          for (const clientId of clientIds) this.#want(clientId, userId);
        },
        (error: unknown) => {
          if (!this.database.outage.explains(error))
            log.warn(`a badge could not be set: ${describeError(error)}`);
        },
      )
      .finally(() => (this.#lookups -= 1));
  }

  /** Sends the last counts first, but for those that failed before. */
  async close(): Promise<void> {
    const giveUp = performance.now() + GRACE_MS;
    while (this.#isBusy && performance.now() < giveUp) await sleep(LOOK_MS);
    this.#closed = true;
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }

  get #isBusy(): boolean {
    const waits = ({ failures, isUnderWay, timer }: Pending) =>
      failures === 0 && (isUnderWay || timer !== undefined);
    return this.#lookups > 0 || [...this.#pending.values()].some(waits);
  }

  #want(clientId: string, userId: string): void {
    if (this.#closed) return;
    const known = this.#pending.get(clientId);
    const pending: Pending = known ?? {
      userId,
      timer: undefined,
      lastAt: -Infinity,
      isStale: false,
      isUnderWay: false,
      failures: 0,
      failingSince: 0,
    };
    this.#pending.set(clientId, pending);
    pending.userId = userId;
    pending.isStale = true;
    if (!pending.isUnderWay && pending.failures === 0) this.#plan(clientId, pending, 0);
  }

  #plan(clientId: string, pending: Pending, waitMs: number): void {
    if (pending.timer !== undefined) return;
    const rest = pending.lastAt + EVERY_MS - performance.now();
    pending.timer = setTimeout(() => void this.#try(clientId, pending), Math.max(0, rest, waitMs));
    pending.timer.unref();
  }

  /** Never rejects. */
  async #try(clientId: string, pending: Pending): Promise<void> {
    Object.assign(pending, { timer: undefined, isUnderWay: true, isStale: false, lastAt: performance.now() });
    const again = await this.#send(clientId, pending.userId);
    pending.isUnderWay = false;
    if (this.#closed) return;
    if (pending.failures === 0) pending.failingSince = pending.lastAt;
    pending.failures = again ? pending.failures + 1 : 0;
    if (again && pending.lastAt - pending.failingSince < GIVE_UP_MS) {
      this.#plan(clientId, pending, retryDelayMs(pending.failures));
      return;
    }
    pending.failures = 0;
    if (pending.isStale) this.#plan(clientId, pending, 0);
    else setTimeout(() => this.#forget(clientId, pending), EVERY_MS).unref();
  }

  /** It may be wanted again at once. */
  #forget(clientId: string, pending: Pending): void {
    const isIdle = pending.timer === undefined && !pending.isUnderWay;
    if (isIdle && performance.now() - pending.lastAt >= EVERY_MS) this.#pending.delete(clientId);
  }

  /** @returns whether it is to be tried again */
  async #send(clientId: string, userId: string): Promise<boolean> {
    try {
      const device = await findDevice(this.database.kysely, clientId);
      if (device?.user_id !== userId || device.state !== 'active') return false;
      const outcome = await this.getui?.badge(clientId, await unreadTotal(this.database.kysely, userId));
      if (outcome?.result === 'unknown device') await retireDevice(this.database.kysely, device);
      return outcome?.result === 'retry';
    } catch (error) {
      if (!this.database.outage.explains(error))
        log.warn(`a badge could not be set, trying again: ${describeError(error)}`);
      return true;
    }
  }
}
