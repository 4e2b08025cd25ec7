import { LRUCache } from 'lru-cache';
import { type MemberList, type MemberLists } from '../../model/appending/locked-session';

/** Members of all the sessions that are cached. */
const MEMBERS_CACHED = 500_000;

/** The members of sessions, each list with the session's `members_version` that it is of. Nothing in it can make a send wrong. */
export class MemberCache implements MemberLists {
  readonly #lists = new LRUCache<string, MemberList>({
    maxSize: MEMBERS_CACHED,
    sizeCalculation: ({ members }) => members.size + 1,
  });

  get(sessionId: string): MemberList | undefined {
    return this.#lists.get(sessionId);
  }

  set(sessionId: string, list: MemberList): void {
    this.#lists.set(sessionId, list);
  }
}
