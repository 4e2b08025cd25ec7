import { unavailable } from '../../errors';
import { type Send, type Sent } from './send';

/** A send that waits for its transaction and its answer. */
export interface QueuedSend {
  readonly send: Send;
  /** What makes it known when it is repeated, see `clientKey`; null: no repeat is. */
  readonly key: string | null;
  /** Its content as JSON text; of a forward, whose content is read with its source, what the client sent. */
  readonly content: string;
  /** ms of the monotonic clock */
  readonly since: number;
  resolve(sent: Sent): void;
  reject(error: unknown): void;
}

/** Whoever waited longer has been answered with `unavailable`. */
const MAX_WAIT_MS = 9_000;
/** What may wait while the database stands still; beyond it a send is refused at once. */
const MAX_WAITING = 5_000;
const MAX_WAITING_LENGTH = 16 * 1024 * 1024;

/** Sends that wait for a transaction, in their order. */
export class SendQueue {
  #waiting: QueuedSend[] = [];
  /** Of their contents, in characters. */
  #length = 0;

  get size(): number {
    return this.#waiting.length;
  }

  /** @throws AppError `unavailable` when too much waits for one more of this length */
  checkRoom(length: number): void {
    if (this.size >= MAX_WAITING || this.#length + length > MAX_WAITING_LENGTH)
      throw unavailable('Too many messages wait for the database.');
  }

  /** @throws AppError `unavailable` when too much waits */
  push(queued: QueuedSend): void {
    this.checkRoom(queued.content.length);
    this.#waiting.push(queued);
    this.#length += queued.content.length;
  }

  /** The next sends, one at least where any wait. Those that waited too long are answered, and left out. */
  take(maxCount: number, maxLength: number): QueuedSend[] {
    let count = 0;
    let length = 0;
    for (const { content } of this.#waiting) {
      if (count > 0 && (count === maxCount || length + content.length > maxLength)) break;
      count += 1;
      length += content.length;
    }
    this.#length -= length;
    return this.#waiting.splice(0, count).filter((queued) => !rejectedAsLate(queued));
  }
}

/** Whether a send has waited too long, and was told so. */
export function rejectedAsLate(queued: QueuedSend): boolean {
  if (performance.now() - queued.since <= MAX_WAIT_MS) return false;
  queued.reject(unavailable('The database does not answer.'));
  return true;
}
