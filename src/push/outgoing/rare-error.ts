import { log } from '../../logger';

const EVERY_MS = 60_000;

/** An error that may come with every call, but is in the log once a minute at most. */
export function rareError(): (text: string) => void {
  let lastAt = -Infinity;
  return (text) => {
    if (performance.now() - lastAt < EVERY_MS) return;
    lastAt = performance.now();
    log.error(text);
  };
}
