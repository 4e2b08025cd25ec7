import { type Database } from '../../db/database';
import { type NoticeRow } from '../../db/schema';
import { describeError, log } from '../../logger';
import { type Metrics } from '../../metrics';
import { type Acknowledgement, settleNotices } from '../../model/notices';

const LONGEST_GATHER_MS = 200;
/** One that has waited for this share of the time is written with the oldest. */
const OLD_ENOUGH = 0.75;
const FAILED_WAIT_MS = 500;
const A_STATEMENT = 100;

interface Waiting extends Acknowledgement {
  /** ms of the monotonic clock */
  since: number;
}

/**
 * Messages that arrived, so that neither WeChat nor a push need be used. Acknowledgements come one a message: they are
 * gathered for a moment, much shorter than the time that a patient has, and the highest one a patient and session is
 * written, many in one statement. Each waits from its own arrival: written all at once, those of a busy second would hold up
 * the sends of ten milliseconds.
 */
export class Acknowledgements {
  /** The longest waiting first. */
  readonly #pending = new Map<string, Waiting>();
  #running: Promise<void> | undefined;
  #closing = false;
  #hurry: () => void = () => undefined;
  /** How long an acknowledgement may wait before it is written. */
  readonly gatherMs: number;

  /** @param ackTimeoutMs how long a patient has to acknowledge */
  constructor(
    private readonly database: Database,
    ackTimeoutMs: number,
    private readonly metrics: Metrics,
    /** Those that are used. */
    private readonly channels: readonly NoticeRow['channel'][],
  ) {
    this.gatherMs = Math.min(LONGEST_GATHER_MS, ackTimeoutMs / 10);
  }

  /** Everything in the session up to `messageId` has arrived at the patient. */
  add(sessionId: string, userId: string, messageId: number): void {
    this.#keep({ sessionId, userId, messageId, since: performance.now() });
    this.#running ??= this.#run();
  }

  /** Writes at once what is pending. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hurry();
    await this.#running;
  }

  #keep(acknowledgement: Waiting): void {
    const key = `${acknowledgement.sessionId} ${acknowledgement.userId}`;
    const known = this.#pending.get(key);
    if (known === undefined) this.#pending.set(key, acknowledgement);
    else known.messageId = Math.max(known.messageId, acknowledgement.messageId);
  }

  async #run(): Promise<void> {
    let waitMs = this.gatherMs;
    while (this.#pending.size > 0) {
      await this.#wait(waitMs);
      const part = this.#take();
      try {
        await this.#write(part);
        waitMs = this.#untilNext();
      } catch (error) {
        if (!this.database.outage.explains(error))
          log.warn(`acknowledgements could not be written: ${describeError(error)}`);
        if (this.#closing) break;
        for (const each of part) this.#keep(each);
        waitMs = FAILED_WAIT_MS;
      }
    }
    this.#running = undefined;
  }

  /** Those that have waited long enough, one at least. */
  #take(): Waiting[] {
    const part: Waiting[] = [];
    const before = performance.now() - this.gatherMs * OLD_ENOUGH;
    for (const [key, each] of this.#pending) {
      const isEarly = part.length > 0 && each.since > before && !this.#closing;
      if (isEarly || part.length === A_STATEMENT) break;
      this.#pending.delete(key);
      part.push(each);
    }
    return part;
  }

  /** ms until the first of them has waited its time. */
  #untilNext(): number {
    const [first] = this.#pending.values();
    return first === undefined ? 0 : Math.max(0, first.since + this.gatherMs - performance.now());
  }

  async #write(part: readonly Acknowledgement[]): Promise<void> {
    const ordered = [...part].sort((first, second) => (first.userId < second.userId ? -1 : 1));
    for (const channel of this.channels) {
      const settled = await this.database.transaction((trx) =>
        settleNotices(trx, this.database.dialect, channel, ordered),
      );
      if (settled > 0) this.metrics.notices.inc({ channel, state: 'delivered' }, settled);
    }
  }

  #wait(ms: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
