import { AppError } from '../../errors';
import { boundedCache } from '../bounded-cache';
import { TokenBucket } from './token-bucket';

/** Limits the messages that one user may send: `rate` a second, with a burst of twice that. */
export class SendRate {
  readonly #buckets = boundedCache<TokenBucket>(100_000);

  constructor(private readonly rate: number) {}

  /**
   * Takes messages off the user's allowance.
   * @param now ms of the monotonic clock
   * @throws AppError `rate_limited` with `Retry-After` in whole seconds
   */
  take(userId: string, messages = 1, now = performance.now()): void {
    let bucket = this.#buckets.get(userId);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.rate, this.rate * 2, now);
      this.#buckets.set(userId, bucket);
    }
    const waitMs = bucket.take(messages, now);
    if (waitMs === 0) return;
    throw new AppError('rate_limited', `A user may send ${this.rate} messages a second.`, undefined, {
      'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))),
    });
  }
}
