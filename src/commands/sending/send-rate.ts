import { LRUCache } from 'lru-cache';
import { AppError } from '../../errors';

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
   * Takes messages off the user's allowance. More at once than it can ever hold need all of it, and what is missing is owed.
   * @throws AppError `rate_limited` with `Retry-After` in whole seconds
   */
  take(userId: string, messages = 1, now = Date.now()): void {
    const full = this.rate * 2;
    const needed = Math.min(messages, full);
    let bucket = this.#buckets.get(userId);
    if (bucket === undefined) this.#buckets.set(userId, (bucket = { tokens: full, filledAt: now }));
    const filled = Math.min(full, bucket.tokens + ((now - bucket.filledAt) / 1000) * this.rate);
    const allowed = filled >= needed;
    bucket.tokens = allowed ? filled - messages : filled;
    bucket.filledAt = now;
    if (allowed) return;
    const wait = Math.max(1, Math.ceil((needed - filled) / this.rate));
    throw new AppError('rate_limited', `A user may send ${this.rate} messages a second.`, undefined, {
      'Retry-After': String(wait),
    });
  }
}
