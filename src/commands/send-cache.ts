import { LRUCache } from 'lru-cache';
import { type Member } from '../model/append';

interface Members {
  version: number;
  members: ReadonlyMap<string, Member>;
}

/** How long a name may be out of date that was changed behind our back, in the platform's own tables. */
const NAME_AGE_MS = 60_000;

/** What the writer remembers from one transaction to the next. Bounded; nothing in it can make a send wrong. */
export class SendCache {
  /** A session's type never changes. */
  readonly types = new LRUCache<string, number>({ max: 100_000 });
  readonly #members = new LRUCache<string, Members>({ max: 20_000 });
  /** Users' names, as messages carry them. */
  readonly names = new LRUCache<string, string>({ max: 50_000, ttl: NAME_AGE_MS });

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
