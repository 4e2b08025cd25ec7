import { type RunTogether } from '../db/dialect';
import { type Statement, statement } from '../db/sql-text';
import { type Database } from '../db/database';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { type SqlTime } from '../db/time';
import { type LockedSession } from '../model/append';
import {
  fetchTimesStatement,
  type LockedRow,
  lockedRow,
  lockStatement,
  membersStatement,
  placeholders,
  unrepliedTopicsStatement,
} from '../model/append-statements';
import { type Member } from '../model/member';
import { messageTable } from '../model/message-tables';
import { type SendCache } from './send-cache';
import { type Send } from './sending';

type Rows = Record<string, unknown>[];

/** A send whose key is known; see `clientKey`. */
export interface KeyedSend {
  send: Send;
  key: string | null;
}

/** What a transaction knows of the sessions that it appends to. */
export interface Reads {
  sessions: Map<string, LockedSession>;
  /** Messages that were sent before, by key. */
  repeats: Map<string, MessageRow>;
  /** By sender. */
  names: Map<string, string>;
}

/** All of it as this process remembers it, for the transaction itself to confirm; undefined: something is not remembered. */
export function recall(cache: SendCache, sends: readonly KeyedSend[]): Reads | undefined {
  const reads: Reads = { sessions: new Map(), repeats: new Map(), names: new Map() };
  for (const { send } of sends) {
    if (!reads.sessions.has(send.sessionId)) {
      const known = cache.recall(send.sessionId);
      if (known === undefined) return undefined;
      // Appending changes it, and only the commit makes that true.
      reads.sessions.set(send.sessionId, {
        row: lockedRow(known.row),
        members: known.members,
        fetchTimes: known.fetchTimes,
        sentUntil: known.sentUntil,
        unrepliedTopic: known.unrepliedTopic,
        idStep: known.idStep,
        previous: known,
      });
    }
    if (send.senderId === null || reads.names.has(send.senderId)) continue;
    const name = cache.names.get(send.senderId);
    if (name === undefined) return undefined;
    reads.names.set(send.senderId, name);
  }
  return reads;
}

/** Begins the transaction, locks the sessions and reads all of it: one round trip, or two where participants have changed. */
export async function readLocked(
  run: RunTogether,
  { dialect }: Database,
  cache: SendCache,
  sends: readonly KeyedSend[],
  lookForRepeats: boolean,
): Promise<Reads> {
  const sessionIds = unique(sends.map(({ send }) => send.sessionId)).filter((id) => cache.types.has(id));
  const reads: Reads = { sessions: new Map(), repeats: new Map(), names: new Map() };
  const statements: Statement[] = [statement(dialect.begin)];
  const receivers: ((rows: Rows) => void)[] = [() => undefined];
  const read = (asked: Statement, receive: (rows: Rows) => void) => {
    statements.push(asked);
    receivers.push(receive);
  };

  const members = new Map<string, Map<string, Member>>();
  const unreplied = new Map<string, string>();
  const fetched: { sessionId: string; userId: string; time: SqlTime }[] = [];
  const receiveFetchTimes = (rows: Rows) => {
    for (const { session_id: sessionId, participant_id: userId, last_fetch_time: time } of rows)
      fetched.push({ sessionId: sessionId as string, userId: userId as string, time: time as SqlTime });
  };
  const receiveMembers = (rows: Rows) => {
    receiveFetchTimes(rows);
    for (const row of rows) {
      const member = { id: row.participant_id as string, type: row.type as Member['type'] };
      const known = members.get(row.session_id as string);
      if (known === undefined) members.set(row.session_id as string, new Map([[member.id, member]]));
      else known.set(member.id, member);
    }
  };

  if (sessionIds.length > 0) {
    read(lockStatement(sessionIds, dialect), (rows) => {
      for (const found of rows) {
        const row = lockedRow(found as unknown as LockedRow);
        const idStep = found.id_step as number;
        const known = cache.compared(row);
        // What was known stays true: it never goes back.
        const fetchTimes = new Map(known?.fetchTimes);
        // A participant that came again has a new row.
        const isSame = known?.row.members_version === row.members_version;
        const sentUntil = isSame ? known.sentUntil : new Map<string, SqlTime>();
        const members = new Map<string, Member>();
        reads.sessions.set(row.id, { row, members, fetchTimes, sentUntil, unrepliedTopic: null, idStep });
      }
    });
    const pairs = senderPairs(sends);
    if (pairs.length > 0) read(fetchTimesStatement(dialect, pairs), receiveFetchTimes);
    const strangers = sessionIds.filter((id) => !cache.knowsMembers(id));
    if (strangers.length > 0) read(membersStatement(strangers), receiveMembers);
    read(unrepliedTopicsStatement(sessionIds), (rows) => {
      for (const row of rows) unreplied.set(row.open_session_id as string, row.id as string);
    });
    for (const [table, keys] of lookForRepeats ? keysByTable(cache, sends) : []) {
      read(statement(`select * from ${table} where client_key in (${placeholders(keys)})`, keys), (rows) => {
        for (const row of rows as unknown as MessageRow[]) reads.repeats.set(row.client_key ?? '', row);
      });
    }
  }
  const nameless: string[] = [];
  for (const id of unique(sends.flatMap(({ send }) => send.senderId ?? []))) {
    const name = cache.names.get(id);
    if (name === undefined) nameless.push(id);
    else reads.names.set(id, name);
  }
  const namesAsOf = cache.names.version;
  for (const table of nameless.length > 0 ? ['patients', 'doctors'] : []) {
    read(
      statement(`select id, name from ${table} where id in (${placeholders(nameless)})`, nameless),
      (rows) => {
        for (const { id, name } of rows as { id: string; name: string }[]) {
          reads.names.set(id, name);
          cache.names.set(id, name, namesAsOf);
        }
      },
    );
  }

  const results = await run(statements);
  results.forEach((result, index) => receivers[index]?.(result.rows));

  const stale = [...reads.sessions.values()].filter(
    ({ row }) => !members.has(row.id) && cache.members(row.id, row.members_version) === undefined,
  );
  if (stale.length > 0) {
    const [result] = await run([membersStatement(stale.map(({ row }) => row.id))]);
    receiveMembers(result?.rows ?? []);
  }
  for (const { sessionId, userId, time } of fetched)
    reads.sessions.get(sessionId)?.fetchTimes.set(userId, time);
  for (const session of reads.sessions.values()) {
    const { id, members_version: version } = session.row;
    session.members = members.get(id) ?? cache.members(id, version) ?? new Map();
    session.unrepliedTopic = unreplied.get(id) ?? null;
    cache.setMembers(id, version, session.members);
  }
  return reads;
}

function keysByTable(cache: SendCache, sends: readonly KeyedSend[]): Map<MessageTableName, string[]> {
  const keys = new Map<MessageTableName, string[]>();
  for (const { key, send } of sends) {
    const type = cache.types.get(send.sessionId);
    if (type === undefined || key === null) continue;
    const table = messageTable(type);
    const known = keys.get(table);
    if (known === undefined) keys.set(table, [key]);
    else known.push(key);
  }
  return keys;
}

/** Every session with each of its senders. */
function senderPairs(sends: readonly KeyedSend[]): (readonly [string, string])[] {
  const pairs = new Map<string, readonly [string, string]>();
  for (const { send } of sends) {
    if (send.senderId !== null)
      pairs.set(`${send.sessionId} ${send.senderId}`, [send.sessionId, send.senderId]);
  }
  return [...pairs.values()];
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
