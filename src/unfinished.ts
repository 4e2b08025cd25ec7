import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';

/** What a signal says to the shell is 128 and its number. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const unfinished = new Set<string>();
let isWatching = false;

/**
 * For an operator's command: runs `work`, which makes a file or a folder with what nobody else may find. Where `work` fails, or a signal
 * ends the process, what there is of it is removed.
 */
export async function removedIfUnfinished<T>(name: string, work: () => Promise<T>): Promise<T> {
  watchSignals();
  unfinished.add(name);
  try {
    return await work();
  } catch (error) {
    await rm(name, { recursive: true, force: true });
    throw error;
  } finally {
    unfinished.delete(name);
  }
}

function watchSignals(): void {
  if (isWatching) return;
  isWatching = true;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      for (const name of unfinished) rmSync(name, { recursive: true, force: true });
      process.exit(128 + number);
    });
  }
}
