import { setTimeout as delay } from 'node:timers/promises';

/** Resolves when `condition` holds; it is looked at every 10 ms. @throws with `what` when it does not within `ms`. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  ms: number,
  what: () => string,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() >= deadline) throw new Error(`${what()} within ${ms} ms`);
    await delay(10);
  }
}
