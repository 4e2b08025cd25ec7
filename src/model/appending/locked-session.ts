import { type Dialect } from '../../db/dialect';
import { type SessionRow } from '../../db/schema';
import { placeholders, type Run, type Statement, statement, type StatementResult } from '../../db/statement';
import { type SqlTime } from '../../db/time';
import { type Member } from '../participants';

/** What appending needs of a session; its last content, which may be long, is not among it. */
const COLUMNS = [
  'id',
  'type',
  'business_type',
  'last_message_id',
  'last_sender_id',
  'last_message_time',
  'other_message_time',
  'clock_time',
  'members_version',
  'unreplied_topic_id',
  'last_recall_id',
] as const;

/** `event_sequence` is read where many sends are stored at once and the platform hears of them (`Events`). */
export type LockedRow = Pick<SessionRow, (typeof COLUMNS)[number]> & { event_sequence?: number };

/** A session whose row this transaction holds: nobody else appends to it, or changes its participants, until the commit. */
export interface LockedSession {
  /** As it was read; appending a message brings it up to date. */
  row: LockedRow;
  members: ReadonlyMap<string, Member>;
  /** The database's clock when the lock was asked for. */
  now: SqlTime;
  /** The distance between the ids of one INSERT's rows. */
  idStep: number;
}

/** A session's members as they were at one `members_version`. */
export interface MemberList {
  version: number;
  members: ReadonlyMap<string, Member>;
}

/** Lists of members that were read before, by session. */
export interface MemberLists {
  get(sessionId: string): MemberList | undefined;
  set(sessionId: string, list: MemberList): void;
}

/** Caches nothing: for a transaction that may have changed the members itself, and may still be rolled back. */
const NO_LISTS: MemberLists = { get: () => undefined, set: () => undefined };

/**
 * Locks sessions, always in the order of their ids, so that two transactions can't deadlock on them, and reads their
 * members. One `run`, or two where a cached list is out of date.
 * @param more statements of the same `run`, behind the lock: what they read can't change until the commit
 * @param countsEvents whether the counters of the sessions' events are read, too
 * @returns the sessions that exist, by id, and what came of `more`
 */
export async function lockSessions(
  run: Run,
  dialect: Dialect,
  ids: readonly string[],
  lists: MemberLists = NO_LISTS,
  more: readonly Statement[] = [],
  countsEvents = false,
): Promise<{ sessions: Map<string, LockedSession>; more: StatementResult[] }> {
  const known = new Map(ids.map((id) => [id, lists.get(id)]));
  const unknown = ids.filter((id) => known.get(id) === undefined);
  const [locked, ...results] = await run([
    lockStatement(ids, dialect, countsEvents),
    ...more,
    ...(unknown.length === 0 ? [] : [membersStatement(unknown)]),
  ]);
  const sessions = new Map((locked?.rows ?? []).map(sessionOf).map((session) => [session.row.id, session]));
  const read = membersBySession(results[more.length]);
  const stale: string[] = [];
  for (const [id, session] of sessions) {
    const list = known.get(id);
    if (list?.version === session.row.members_version) session.members = list.members;
    else if (list !== undefined) stale.push(id);
  }
  if (stale.length > 0) {
    const [again] = await run([membersStatement(stale)]);
    for (const [id, members] of membersBySession(again)) read.set(id, members);
  }
  for (const id of [...unknown, ...stale]) {
    const session = sessions.get(id);
    if (session === undefined) continue;
    session.members = read.get(id) ?? session.members;
    lists.set(id, { version: session.row.members_version, members: session.members });
  }
  return { sessions, more: results.slice(0, more.length) };
}

/** The same for one session; undefined when it does not exist. */
export async function lockSession(
  run: Run,
  dialect: Dialect,
  id: string,
): Promise<LockedSession | undefined> {
  const { sessions } = await lockSessions(run, dialect, [id]);
  return sessions.get(id);
}

function lockStatement(ids: readonly string[], dialect: Dialect, countsEvents: boolean): Statement {
  const columns = countsEvents ? [...COLUMNS, 'event_sequence'] : COLUMNS;
  return statement(
    `select ${columns.join(', ')}, ${dialect.now} as now, ${dialect.idStep} as id_step from sessions
     where id in (${placeholders(ids.length)}) order by id${dialect.forUpdate}`,
    ids,
  );
}

function membersStatement(ids: readonly string[]): Statement {
  return statement(
    `select session_id, participant_id, type from participants where session_id in (${placeholders(ids.length)})`,
    ids,
  );
}

function sessionOf(read: Record<string, unknown>): LockedSession {
  const { id_step: idStep, now, ...row } = read as unknown as LockedRow & { now: SqlTime; id_step: number };
  return { row, members: new Map(), now, idStep };
}

function membersBySession(result: StatementResult | undefined): Map<string, Map<string, Member>> {
  const lists = new Map<string, Map<string, Member>>();
  for (const row of (result?.rows ?? []) as {
    session_id: string;
    participant_id: string;
    type: Member['type'];
  }[]) {
    const member = { id: row.participant_id, type: row.type };
    const list = lists.get(row.session_id);
    if (list === undefined) lists.set(row.session_id, new Map([[member.id, member]]));
    else list.set(member.id, member);
  }
  return lists;
}
