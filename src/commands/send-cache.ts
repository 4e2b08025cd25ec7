import { LRUCache } from 'lru-cache';
import { type SqlTime } from '../db/time';
import { type LockedSession } from '../model/append';
import { type LockedRow } from '../model/append-statements';
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

/** How long a session is read again for each transaction after another process, or a topic, was seen to have changed it. */
const CONTENDED_MS = 1_000;
const CONTENDED_SESSIONS = 20_000;

/** Participants of all the sessions that are remembered. */
const MEMBERS_REMEMBERED = 500_000;

/** What the writer remembers from one transaction to the next. Bounded; nothing in it can make a send wrong. */
export class SendCache {
  /** A session's type never changes. */
  readonly types = new LRUCache<string, number>({ max: 100_000 });
  /** Sessions as the last transaction of this process left them; each send confirms what it relies on. */
  readonly sessions = new LRUCache<string, LockedSession>({
    maxSize: MEMBERS_REMEMBERED,
    sizeCalculation: ({ members }) => members.size + 1,
  });
  readonly #members = new LRUCache<string, Members>({
    maxSize: MEMBERS_REMEMBERED,
    sizeCalculation: ({ members }) => members.size + 1,
  });
  readonly #contended = new LRUCache<string, true>({ max: CONTENDED_SESSIONS, ttl: CONTENDED_MS });
  readonly names: Names;

  /** @param told see `Names` */
  constructor(told: () => boolean = () => true) {
    this.names = new Names(told);
  }

  /** The session, unless it has changed behind our back lately: then to rely on memory would cost a try in vain. */
  recall(sessionId: string): LockedSession | undefined {
    return this.#contended.has(sessionId) ? undefined : this.sessions.get(sessionId);
  }

  /** What was remembered of a session, now that `row` was read under its lock. */
  compared(row: LockedRow): LockedSession | undefined {
    const known = this.sessions.peek(row.id);
    if (
      known !== undefined &&
      (known.row.clock_time !== row.clock_time || known.row.members_version !== row.members_version)
    ) {
      this.#contended.set(row.id, true);
    }
    return known;
  }

  /** The participants as of `version`, which the caller read under the session's lock. */
  members(sessionId: string, version: number): ReadonlyMap<string, Member> | undefined {
    const known = this.#members.get(sessionId);
    return known?.version === version ? known.members : undefined;
  }

  /** Whether `members` may know them, which spares a query together with the lock. */
  knowsMembers(sessionId: string): boolean {
    return this.#members.has(sessionId);
  }

  setMembers(sessionId: string, version: number, members: ReadonlyMap<string, Member>): void {
    this.#members.set(sessionId, { version, members });
  }

  /** The participant has read everything up to `time`; to be called after the commit. */
  readUpTo(sessionId: string, userId: string, time: SqlTime): void {
    const fetchTimes = this.sessions.peek(sessionId)?.fetchTimes;
    const known = fetchTimes?.get(userId);
    if (known !== undefined && known < time) fetchTimes?.set(userId, time);
  }
}
