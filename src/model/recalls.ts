import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type MessageRow, type NoticeRow, type RecallRow } from '../db/schema';
import { notFound } from '../errors';
import { type LockedSession } from './appending/locked-session';
import { messageTable } from './message-tables';

export interface RecallPage {
  /** oldest first */
  rows: RecallRow[];
  more: boolean;
}

/** The session's recalls above an id, oldest first. */
export async function findRecalls(
  db: Queryable,
  sessionId: string,
  { after, limit }: { after: number; limit: number },
): Promise<RecallPage> {
  const rows = await db
    .selectFrom('recalls')
    .selectAll()
    .where('session_id', '=', sessionId)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/**
 * Takes a message back in a locked session, whose lock makes the recalls' ids rise in commit order. From the commit on its
 * text is in `recalled_messages` alone.
 * @throws AppError `not_found` where the message is gone
 */
export async function storeRecall(
  trx: Queryable,
  { now, row: session }: LockedSession,
  message: MessageRow,
  by: string,
): Promise<{ recall: RecallRow; message: MessageRow }> {
  const recalled = { recalled_by: by, recalled_time: now };
  const recall = {
    session_id: session.id,
    id: session.last_recall_id + 1,
    message_id: message.id,
    ...recalled,
  };
  const { content } = message;
  if (content === null) throw new RangeError('a message is taken back once');
  const emptied = { content: null, ...recalled };
  const { numUpdatedRows } = await trx
    .updateTable(messageTable(session.type))
    .set(emptied)
    .where('id', '=', message.id)
    .where('session_id', '=', session.id)
    .executeTakeFirstOrThrow();
  // Retention, which does not lock sessions, has deleted it since it was read: nothing of it may stay.
  if (numUpdatedRows === 0n) throw notFound('message');
  await trx.insertInto('recalls').values(recall).execute();
  await trx
    .insertInto('recalled_messages')
    .values({ session_id: session.id, message_id: message.id, content })
    .execute();
  await trx
    .updateTable('sessions')
    .set({
      last_recall_id: recall.id,
      ...(session.last_message_id === message.id ? { last_content: null } : {}),
    })
    .where('id', '=', session.id)
    .execute();
  session.last_recall_id = recall.id;
  return { recall, message: { ...message, ...emptied } };
}

/**
 * What still waits of a message's notices is sent no more. (One that is under way ends as its answer says; see `recordTry`.) Of
 * participants alone, so that an index finds them: nobody who has left is sent anything.
 * @returns how many it were, without those under way: whoever sends them counts them
 */
export async function skipNotices(
  trx: Queryable,
  { members, now, row }: LockedSession,
  messageId: number,
  channel: NoticeRow['channel'],
): Promise<number> {
  if (members.size === 0) return 0;
  const skip = (which: 'is null' | 'is not null') =>
    sql`update notices /*! force index (notices_message) */
      set state = 'skipped', update_time = ${now}
      where state = 'pending' and channel = ${channel} and session_id = ${row.id} and message_id = ${messageId}
        and user_id in (${sql.join([...members.keys()])}) and claimed_by ${sql.raw(which)}`.execute(trx);
  await skip('is not null');
  const { numAffectedRows } = await skip('is null');
  return Number(numAffectedRows ?? 0);
}

/** What messages of a session held that were taken back, by id: for the operator's export alone. */
export async function recalledContents(
  db: Queryable,
  sessionId: string,
  messageIds: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  if (messageIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('recalled_messages')
    .select(['message_id', 'content'])
    .where('session_id', '=', sessionId)
    .where('message_id', 'in', [...messageIds])
    .execute();
  return new Map(rows.map((row) => [row.message_id, row.content]));
}

/** Deletes all that is known of recalls of these messages, in the transaction that deletes them. */
export async function deleteRecalls(
  trx: Queryable,
  sessionId: string,
  messageIds: readonly number[],
): Promise<void> {
  for (const table of ['recalls', 'recalled_messages'] as const) {
    await trx
      .deleteFrom(table)
      .where('session_id', '=', sessionId)
      .where('message_id', 'in', [...messageIds])
      .execute();
  }
}
