import { LRUCache } from 'lru-cache';
import { type Member } from '../model/member';

interface Members {
  version: number;
  members: ReadonlyMap<string, Member>;
}

/**
 * How long a name may be out of date: one that was changed behind our back, in the platform's own tables, and one of
 * whose change the bus could not tell.
 */
const NAME_AGE_MS = { told: 60_000, untold: 2_000 };

/** Users' names, as messages carry them. */
export class Names {
  readonly #names = new LRUCache<string, { name: string; readAt: number }>({ max: 50_000 });
  #version = 0;

  /** @param told whether changes that other processes make are heard of */
  constructor(private readonly told: () => boolean) {}

  /** Changes whenever a name was forgotten. */
  get version(): number {
    return this.#version;
  }

  get(userId: string): string | undefined {
    const known = this.#names.get(userId);
    if (known === undefined) return undefined;
    const age = this.told() ? NAME_AGE_MS.told : NAME_AGE_MS.untold;
    return Date.now() - known.readAt > age ? undefined : known.name;
  }

  /** @param asOf the version before the name was read: one that was forgotten since may be the old one */
  set(userId: string, name: string, asOf: number): void {
    if (asOf === this.#version) this.#names.set(userId, { name, readAt: Date.now() });
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

/** What the writer remembers from one transaction to the next. Bounded; nothing in it can make a send wrong. */
export class SendCache {
  /** A session's type never changes. */
  readonly types = new LRUCache<string, number>({ max: 100_000 });
  readonly #members = new LRUCache<string, Members>({ max: 20_000 });
  readonly names: Names;

  /** @param told see `Names` */
  constructor(told: () => boolean = () => true) {
    this.names = new Names(told);
  }

  /** The participants as of `version`, which the caller read under the session's lock. */
  members(sessionId: string, version: number): ReadonlyMap<string, Member> | undefined {
    const known = this.#members.get(sessionId);
    return known?.version === version ? known.members : undefined;
  }

  /** The participants as last seen: a guess that saves a query, to be confirmed by `members`. */
  guess(sessionId: string): ReadonlyMap<string, Member> | undefined {
    return this.#members.get(sessionId)?.members;
  }

  setMembers(sessionId: string, version: number, members: ReadonlyMap<string, Member>): void {
    this.#members.set(sessionId, { version, members });
  }
}
