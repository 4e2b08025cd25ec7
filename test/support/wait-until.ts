import { setTimeout as delay } from 'node:timers/promises';

/** Looking is not free: it may ask a server, or a browser. */
const PAUSE_MS = { first: 10, longest: 100 };

/**
 * Resolves when `condition` holds. It is looked at again after a tenth of the time that has passed, 10 to 100 ms.
 * @throws with `what` when it does not hold within `ms`
 */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  ms: number,
  what: () => string,
): Promise<void> {
  const start = Date.now();
  while (!(await condition())) {
    const passed = Date.now() - start;
    if (passed >= ms) throw new Error(`${what()} within ${ms} ms`);
    await delay(Math.min(Math.max(passed / 10, PAUSE_MS.first), PAUSE_MS.longest));
  }
}
