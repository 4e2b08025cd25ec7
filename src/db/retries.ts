import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect } from './dialect';

/** After this long a transaction that still loses against others is given up. */
const TRY_FOR_MS = 3_000;
const LONGEST_WAIT_MS = 100;

/** Runs `work`, a whole transaction, again while it loses against another one (a deadlock, a conflict with another node). */
export async function withRetries<T>(dialect: Dialect, work: () => Promise<T>): Promise<T> {
  const giveUp = performance.now() + TRY_FOR_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!dialect.isRetryable(error) || performance.now() >= giveUp) throw error;
      await sleep(Math.random() * Math.min(10 * attempt, LONGEST_WAIT_MS));
    }
  }
}
