import { LRUCache } from 'lru-cache';
import { AppError } from '../errors';

interface Bucket {
  tokens: number;
  /** ms since the epoch */
  filledAt: number;
}

/** Limits the messages that one user may send: a token bucket a user, filled at `rate` a second, holding twice that. */
export class SendRate {
  readonly #buckets = new LRUCache<string, Bucket>({ max: 100_000 });

  constructor(private readonly rate: number) {}

  /**
   * Takes one message off the user's allowance.
   * @throws AppError `rate_limited` with `Retry-After` in whole seconds
   */
  take(userId: string, now = Date.now()): void {
    const full = this.rate * 2;
    const bucket = this.#buckets.get(userId) ?? { tokens: full, filledAt: now };
    const filled = Math.min(full, bucket.tokens + ((now - bucket.filledAt) / 1000) * this.rate);
    const allowed = filled >= 1;
    this.#buckets.set(userId, { tokens: allowed ? filled - 1 : filled, filledAt: now });
    if (allowed) return;
    const wait = Math.max(1, Math.ceil((1 - filled) / this.rate));
    throw new AppError('rate_limited', `A user may send ${this.rate} messages a second.`, undefined, {
      'Retry-After': String(wait),
    });
  }
}
