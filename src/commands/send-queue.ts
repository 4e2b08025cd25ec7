import { unavailable } from '../errors';
import { type Waiting } from './send-batch';

export interface Queued extends Waiting {
  /** ms since the epoch */
  since: number;
}

/** Whoever waited longer has been answered with `unavailable`. */
const MAX_WAIT_MS = 9_000;

/** Sends that wait for a transaction, in their order. */
export class SendQueue {
  #waiting: Queued[] = [];
  #onEnough: { count: number; act: () => void } | undefined;
  #asking = false;

  get length(): number {
    return this.#waiting.length;
  }

  push(send: Waiting): void {
    this.#waiting.push({ ...send, since: Date.now() });
    this.#ask();
  }

  /** The next ones, at most `count`, without those who waited too long, and were told so. */
  take(count: number): Queued[] {
    return this.#waiting.splice(0, count).filter((send) => !rejectedAsLate(send));
  }

  /** The same without taking them, which `remove` does. @returns undefined where one of them waited too long */
  peek(count: number): Queued[] | undefined {
    const sends = this.#waiting.slice(0, count);
    return sends.some(isLate) ? undefined : sends;
  }

  remove(count: number): void {
    this.#waiting.splice(0, count);
  }

  /** They are the next ones again. */
  putBack(sends: readonly Queued[]): void {
    this.#waiting.unshift(...sends);
  }

  /**
   * Calls `act` once, as soon as `count` wait, with what the event loop's turn brings beside them.
   * @returns a function that takes it back
   */
  whenEnough(count: number, act: () => void): () => void {
    const asked = { count, act };
    this.#onEnough = asked;
    this.#ask();
    return () => {
      if (this.#onEnough === asked) this.#onEnough = undefined;
    };
  }

  #ask(): void {
    if (this.#onEnough === undefined || this.#asking || this.#waiting.length < this.#onEnough.count) return;
    this.#asking = true;
    setImmediate(() => {
      this.#asking = false;
      const asked = this.#onEnough;
      if (asked === undefined || this.#waiting.length < asked.count) return;
      this.#onEnough = undefined;
      asked.act();
    });
  }
}

function isLate({ since }: Queued): boolean {
  return Date.now() - since > MAX_WAIT_MS;
}

/** Whether a send has waited too long, and was told so. */
export function rejectedAsLate(send: Queued): boolean {
  if (!isLate(send)) return false;
  send.reject(unavailable('The database does not answer.'));
  return true;
}
