import { type MessageRow } from '../db/schema';
import { fromSqlTime, laterOf, type SqlTime, toSqlTime } from '../db/time';
import { type LockedRow, type ParticipantChange, type Unread } from './append-statements';
import { SENT_STEP_MS } from './last-sender';
import { type Member } from './member';

/** What appending messages to a session changes of their senders: when each sent last, and up to when it has read. */

/** A session and what is known of its participants; see `LockedSession`. */
interface SendersSession {
  readonly row: LockedRow;
  readonly members: ReadonlyMap<string, Member>;
  fetchTimes: Map<string, SqlTime>;
  sentUntil: Map<string, SqlTime>;
}

/** Messages that are appended to a session, in their order, after its row was brought up to them. */
export interface SenderAppends {
  readonly session: SendersSession;
  readonly messages: readonly { readonly row: MessageRow }[];
  /** When anyone but the first of these messages' sender last wrote before them; null: never. */
  readonly othersBefore: SqlTime | null;
  /** The last sender before them, of whom the session's row tells more than its own. */
  readonly lastBefore: { id: string | null; sent: SqlTime | null; fetched: SqlTime | null };
}

/** Before any message: for a participant of whom it is not known here up to when it has read. */
const BEFORE_ALL: SqlTime = '1970-01-01 00:00:00.000';

/** Up to when the participant had read at least, before these messages; null: not known. */
export function fetchedBefore({ lastBefore, session }: SenderAppends, userId: string): SqlTime | null {
  const own = session.fetchTimes.get(userId) ?? null;
  return lastBefore.id === userId ? laterOf(own, lastBefore.fetched) : own;
}

/**
 * Each sender's latest send; and for a sender who had nothing unread, everything up to it is read. Only the first
 * sender in a session can be that one: for the others the first one's message is unread.
 *
 * The last sender's is told by the session's row, which this sets, and written into its own when somebody else has sent.
 * Of others it is left out where nothing was read by it and an earlier send is written that tells enough, see `sentTimes`.
 * So nearly nothing is written while one sends alone, or many at once.
 * @param undecided of whom the database finds out
 * @returns what is written into the senders' own rows
 */
export function changeSenders(appends: SenderAppends, undecided: Unread | undefined): ParticipantChange[] {
  const { lastBefore, messages, othersBefore, session } = appends;
  const { fetchTimes, members, row, sentUntil } = session;
  const changes: ParticipantChange[] = [];
  const first = messages[0]?.row.sender_id;
  const readUpTo = messages[lengthOfFirstRun(messages) - 1]?.row.timestamp;
  const latest = new Map<string, SqlTime>();
  for (const { row: message } of messages) latest.set(message.sender_id, message.timestamp);
  const isTold = (id: string, sent: SqlTime, fetched: SqlTime | null) =>
    sent < (sentUntil.get(id) ?? '') && (fetched === null || fetched <= (fetchTimes.get(id) ?? ''));
  const change = (member: Member, sent: SqlTime, fetched: SqlTime, known: SqlTime | null) =>
    changes.push({ sessionId: row.id, member, sent, afterId: row.last_message_id, fetched, known });
  row.sender_fetch_time = null;

  const previous = members.get(lastBefore.id ?? '');
  if (previous !== undefined && lastBefore.sent !== null && !latest.has(previous.id)) {
    const fetched = fetchedBefore(appends, previous.id);
    if (!isTold(previous.id, lastBefore.sent, fetched))
      change(previous, lastBefore.sent, fetched ?? BEFORE_ALL, fetched);
  }
  for (const [sender, sent] of latest) {
    const member = members.get(sender);
    const fetched = fetchedBefore(appends, sender);
    if (member === undefined || fetched === null) continue;
    const nothingUnread = sender === first && (othersBefore === null || fetched >= othersBefore);
    const known = nothingUnread && readUpTo !== undefined ? readUpTo : fetched;
    const isUndecided = sender === undecided?.userId && row.id === undecided.sessionId;
    const isLast = sender === row.last_sender_id;
    if (isLast) row.sender_fetch_time = known;
    if (isUndecided) change(member, sent, readUpTo ?? known, known);
    else if (!isLast && !isTold(sender, sent, known)) change(member, sent, known, known);
  }
  return changes;
}

/** What is known of the participants once `changes` are written. The session's lists may be another's, and are copied then. */
export function rememberSenders(session: SendersSession, changes: readonly ParticipantChange[]): void {
  let fetchTimes: Map<string, SqlTime> | undefined;
  let sentUntil: Map<string, SqlTime> | undefined;
  for (const { known, member, sent } of changes) {
    if (known !== null && known !== session.fetchTimes.get(member.id)) {
      fetchTimes ??= new Map(session.fetchTimes);
      fetchTimes.set(member.id, known);
    }
    if (sent >= (session.sentUntil.get(member.id) ?? '')) {
      sentUntil ??= new Map(session.sentUntil);
      sentUntil.set(member.id, toSqlTime(fromSqlTime(sent) + SENT_STEP_MS));
    }
  }
  session.fetchTimes = fetchTimes ?? session.fetchTimes;
  session.sentUntil = sentUntil ?? session.sentUntil;
}

function lengthOfFirstRun(messages: SenderAppends['messages']): number {
  const sender = messages[0]?.row.sender_id;
  const end = messages.findIndex(({ row }) => row.sender_id !== sender);
  return end === -1 ? messages.length : end;
}
