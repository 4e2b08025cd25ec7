import { boundedCache } from '../bounded-cache';

/**
 * How long a name may be out of date, ms: one that was changed behind our back, in the platform's own tables, and one of whose
 * change the bus could not tell.
 */
const NAME_AGE_MS = { told: 60_000, untold: 2_000 };

/** Users' names, as messages carry them. */
export class NameCache {
  readonly #names = boundedCache<{ name: string; readAt: number }>(50_000);
  #version = 0;

  /** @param isTold whether this process hears of changes that others make */
  constructor(private readonly isTold: () => boolean) {}

  /** Changes whenever a name was dropped. */
  get version(): number {
    return this.#version;
  }

  get(userId: string): string | undefined {
    const known = this.#names.get(userId);
    if (known === undefined) return undefined;
    const age = this.isTold() ? NAME_AGE_MS.told : NAME_AGE_MS.untold;
    return performance.now() - known.readAt > age ? undefined : known.name;
  }

  /** @param asOf the version before the name was read: one that was dropped since may be the old one */
  set(userId: string, name: string, asOf: number): void {
    if (asOf === this.#version) this.#names.set(userId, { name, readAt: performance.now() });
  }

  delete(userId: string): void {
    this.#version += 1;
    this.#names.delete(userId);
  }

  clear(): void {
    this.#version += 1;
    this.#names.clear();
  }
}
