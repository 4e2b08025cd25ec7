/** A token bucket (RFC 2697's idea): filled at `rate` a second, holding `size` at most. It goes by the monotonic clock, which nobody sets. */
export class TokenBucket {
  #tokens: number;
  #filledAt: number;

  constructor(
    private readonly rate: number,
    private readonly size: number,
    now = performance.now(),
  ) {
    this.#tokens = size;
    this.#filledAt = now;
  }

  /**
   * Takes `count` tokens. More at once than it can ever hold need all of it, and what is missing is owed.
   * @returns 0, or, where there are too few and none was taken, the ms until there are enough
   */
  take(count = 1, now = performance.now()): number {
    const needed = Math.min(count, this.size);
    this.#tokens = Math.min(this.size, this.#tokens + (Math.max(0, now - this.#filledAt) / 1000) * this.rate);
    this.#filledAt = now;
    if (this.#tokens < needed) return ((needed - this.#tokens) / this.rate) * 1000;
    this.#tokens -= count;
    return 0;
  }
}
