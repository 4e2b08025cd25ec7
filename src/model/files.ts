import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { type FileRow } from '../db/schema';
import { type NewId, insertRows, placeholders, type Run, type Statement, statement } from '../db/statement';
import { type SqlTime } from '../db/time';

/** Files, and which messages name them. A file's row is locked after its session's, by whoever changes what names it. */

export async function findFile(db: Queryable, id: string): Promise<FileRow | undefined> {
  return db.selectFrom('files').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertFile(
  trx: Queryable,
  row: Omit<FileRow, 'state' | 'unnamed_since'>,
): Promise<void> {
  await trx
    .insertInto('files')
    .values({ ...row, unnamed_since: row.create_time })
    .execute();
}

/** What a user has uploaded since `time` and no message names. */
export async function unnamedOf(
  db: Queryable,
  userId: string,
  time: SqlTime,
): Promise<{ count: number; bytes: number }> {
  const { bytes, count } = await db
    .selectFrom('files')
    .select((eb) => [eb.fn.countAll().as('count'), eb.fn.sum('size').as('bytes')])
    .where('user_id', '=', userId)
    .where('unnamed_since', '>', time)
    .executeTakeFirstOrThrow();
  return { count: Number(count), bytes: Number(bytes) };
}

/** Whether the user takes part in a session with a message, not taken back, that names the file. */
export async function isSentTo(db: Queryable, fileId: string, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom('message_files')
    .innerJoin('participants', 'participants.session_id', 'message_files.session_id')
    .select('file_id')
    .where('file_id', '=', fileId)
    .where('recalled', '=', 0)
    .where('participant_id', '=', userId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export type LockedFile = Pick<FileRow, 'id' | 'user_id' | 'mime'>;

/** Locks those of these files that clients may have, so that none of them is deleted before the commit. */
export async function lockKept(
  run: Run,
  dialect: Dialect,
  ids: readonly string[],
): Promise<Map<string, LockedFile>> {
  const [locked] = await run([
    statement(
      `select id, user_id, mime from files where id in (${placeholders(ids.length)}) and state = 'kept'
       order by id${dialect.forUpdate}`,
      ids,
    ),
  ]);
  const rows = (locked?.rows ?? []) as unknown as LockedFile[];
  return new Map(rows.map((row) => [row.id, row]));
}

/** Which of these users may read which of these files, since a message names it that is not taken back: by file. */
export async function readersAmong(
  run: Run,
  fileIds: readonly string[],
  userIds: readonly string[],
): Promise<Map<string, Set<string>>> {
  const [found] = await run([
    statement(
      `select distinct m.file_id, p.participant_id from message_files m
       join participants p on p.session_id = m.session_id
       where m.file_id in (${placeholders(fileIds.length)}) and m.recalled = 0
       and p.participant_id in (${placeholders(userIds.length)})`,
      [...fileIds, ...userIds],
    ),
  ]);
  const readers = new Map<string, Set<string>>();
  for (const { file_id: file, participant_id: user } of (found?.rows ?? []) as {
    file_id: string;
    participant_id: string;
  }[]) {
    const known = readers.get(file);
    if (known === undefined) readers.set(file, new Set([user]));
    else known.add(user);
  }
  return readers;
}

/** A message that names a file. */
export interface NewName {
  fileId: string;
  sessionId: string;
  messageId: NewId;
}

/** The statements that write who names what. There is one name at least, and the files are locked. */
export function nameFiles(names: readonly NewName[]): Statement[] {
  const rows = names.map(({ fileId, messageId, sessionId }) => [fileId, sessionId, messageId]);
  const ids = [...new Set(names.map(({ fileId }) => fileId))];
  return [
    insertRows('message_files (file_id, session_id, message_id)', rows),
    statement(`update files set unnamed_since = null where id in (${placeholders(ids.length)})`, ids),
  ];
}

/**
 * For the transaction in which a message is taken back: a file all of whose messages are is gone for clients, for good.
 * The session is locked.
 */
export async function filesOfRecalled(
  run: Run,
  dialect: Dialect,
  sessionId: string,
  messageId: number,
): Promise<void> {
  const files = await lockNamed(run, dialect, sessionId, [messageId]);
  if (files.length === 0) return;
  await run([
    statement('update message_files set recalled = 1 where session_id = ? and message_id = ?', [
      sessionId,
      messageId,
    ]),
    statement(
      `update files set state = 'gone' where id in (${placeholders(files.length)}) and state = 'kept'
       and not exists (select 1 from message_files m where m.file_id = files.id and m.recalled = 0)`,
      files,
    ),
  ]);
}

/** For the transaction that deletes messages: what no other message names is old enough to go from now on. */
export async function filesOfDeleted(
  run: Run,
  dialect: Dialect,
  sessionId: string,
  messageIds: readonly number[],
): Promise<void> {
  const files = await lockNamed(run, dialect, sessionId, messageIds);
  if (files.length === 0) return;
  await run([
    statement(
      `delete from message_files where session_id = ? and message_id in (${placeholders(messageIds.length)})`,
      [sessionId, ...messageIds],
    ),
    statement(
      `update files set unnamed_since = create_time where id in (${placeholders(files.length)})
       and not exists (select 1 from message_files m where m.file_id = files.id)`,
      files,
    ),
  ]);
}

/** Locks the files that these messages name. @returns their ids */
async function lockNamed(
  run: Run,
  dialect: Dialect,
  sessionId: string,
  messageIds: readonly number[],
): Promise<string[]> {
  const [named] = await run([
    statement(
      `select distinct file_id from message_files
       where session_id = ? and message_id in (${placeholders(messageIds.length)})`,
      [sessionId, ...messageIds],
    ),
  ]);
  const ids = (named?.rows ?? []).map((row) => row.file_id as string);
  if (ids.length === 0) return [];
  await run([
    statement(
      `select id from files where id in (${placeholders(ids.length)}) order by id${dialect.forUpdate}`,
      ids,
    ),
  ]);
  return ids;
}

/**
 * Claims files that no message has named since before `time`, `limit` at most, among them those that a process left half
 * deleted. From now on no message can name them.
 */
export async function claimUnnamed(db: Queryable, time: SqlTime, limit: number): Promise<FileRow[]> {
  const found = await db
    .selectFrom('files')
    .select('id')
    .where('unnamed_since', '<', time)
    .orderBy('unnamed_since')
    .limit(limit)
    .execute();
  if (found.length === 0) return [];
  const ids = found.map(({ id }) => id);
  const isNamed = sql<boolean>`exists (select 1 from message_files m where m.file_id = files.id)`;
  // Between two nodes of a cluster a name may come while its file's last one goes: what is named stays.
  await db.updateTable('files').set({ unnamed_since: null }).where('id', 'in', ids).where(isNamed).execute();
  await db
    .updateTable('files')
    .set({ state: 'deleting' })
    .where('id', 'in', ids)
    .where('unnamed_since', '<', time)
    .where(sql<boolean>`not ${isNamed}`)
    .execute();
  return db.selectFrom('files').selectAll().where('id', 'in', ids).where('state', '=', 'deleting').execute();
}

export async function deleteFile(db: Queryable, id: string): Promise<void> {
  await db.deleteFrom('files').where('id', '=', id).where('state', '=', 'deleting').execute();
}

/** Those of these ids that have a row. */
export async function filesAmong(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('files')
    .select('id')
    .where('id', 'in', [...ids])
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** The files that a session's messages up to `lastMessageId` name, also those that were taken back. */
export async function filesOfSession(
  db: Queryable,
  sessionId: string,
  lastMessageId: number,
): Promise<FileRow[]> {
  return db
    .selectFrom('files')
    .selectAll()
    .where(
      'id',
      'in',
      db
        .selectFrom('message_files')
        .select('file_id')
        .where('session_id', '=', sessionId)
        .where('message_id', '<=', lastMessageId),
    )
    .orderBy('create_time')
    .orderBy('id')
    .execute();
}

/** All files and their bytes. */
export async function countFiles(db: Queryable): Promise<{ total: number; bytes: number }> {
  const { bytes, total } = await db
    .selectFrom('files')
    .select((eb) => [eb.fn.countAll().as('total'), eb.fn.sum('size').as('bytes')])
    .executeTakeFirstOrThrow();
  return { total: Number(total), bytes: Number(bytes) };
}
