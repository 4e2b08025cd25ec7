import { LRUCache } from 'lru-cache';
import { type MemberLists } from '../../model/appending/locked-session';
import { type Member } from '../../model/participants';

/** Members of all the sessions that are cached. */
const MEMBERS_CACHED = 500_000;

/** The members of sessions, each list with the session's `members_version` that it is of. Nothing in it can make a send wrong. */
export class MemberCache implements MemberLists {
  readonly #lists = new LRUCache<string, { version: number; members: ReadonlyMap<string, Member> }>({
    maxSize: MEMBERS_CACHED,
    sizeCalculation: ({ members }) => members.size + 1,
  });

  get(sessionId: string, version: number): ReadonlyMap<string, Member> | undefined {
    const known = this.#lists.get(sessionId);
    return known?.version === version ? known.members : undefined;
  }

  has(sessionId: string): boolean {
    return this.#lists.has(sessionId);
  }

  set(sessionId: string, version: number, members: ReadonlyMap<string, Member>): void {
    this.#lists.set(sessionId, { version, members });
  }
}
