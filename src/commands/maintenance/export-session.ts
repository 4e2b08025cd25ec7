import { type Database } from '../../db/database';
import { type FileRow, type MessageTableName, type SessionRow, type TopicRow } from '../../db/schema';
import { nowSql, toIso } from '../../db/time';
import { filesOfSession } from '../../model/files';
import { messageTable } from '../../model/message-tables';
import { findMessages } from '../../model/messages';
import { type Participant, participantsOf } from '../../model/participants';
import { recalledContents } from '../../model/recalls';
import { findSession } from '../../model/sessions';
import { json } from '../../views/frames';
import { messageJson } from '../../views/message';
import { participantView, sessionView } from '../../views/session';
import { topicView } from '../../views/topic';

const FORMAT = 'im-session';
const FORMAT_VERSION = 1;
/** Messages that are in memory at once; one of the platform's may be as large as a request, 256 KiB. */
const PAGE = 200;

/** Copies one file of a session to beside the lines. @returns what it is called there; undefined: it is not to be had */
export type CopyFile = (file: FileRow) => Promise<string | undefined>;

/** What a session is at one moment; its messages up to `row.last_message_id` belong to it. Only a recall changes one: then the copy says so. */
interface Snapshot {
  row: SessionRow;
  participants: Participant[];
  topics: TopicRow[];
}

/**
 * A session as JSON Lines, some lines at a time: its header, participants, topics, messages from the first to the last, and
 * an end with their numbers (without it the copy is cut off). All of it is as of one moment, however long the reading
 * takes, and the reading holds nothing up: messages that come later are left out. What was taken back is there, with its content.
 * @param copyFile also writes the files that its messages name, each with a line that says what it is
 * @returns undefined when there is no such session
 */
export async function exportSession(
  database: Database,
  sessionId: string,
  copyFile?: CopyFile,
): Promise<AsyncIterable<string> | undefined> {
  const snapshot = await readSnapshot(database, sessionId);
  return snapshot === undefined ? undefined : lines(database, snapshot, copyFile);
}

function readSnapshot(database: Database, sessionId: string): Promise<Snapshot | undefined> {
  return database.kysely
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const row = await findSession(trx, sessionId);
      if (row === undefined) return undefined;
      const topics = trx
        .selectFrom('topics')
        .selectAll()
        .where('session_id', '=', sessionId)
        .orderBy('create_time')
        .orderBy('start_message_id');
      return { row, participants: await participantsOf(trx, sessionId), topics: await topics.execute() };
    });
}

async function* lines(database: Database, snapshot: Snapshot, copyFile?: CopyFile): AsyncGenerator<string> {
  const { participants, row, topics } = snapshot;
  yield line('session', {
    format: FORMAT,
    version: FORMAT_VERSION,
    exported_at: toIso(nowSql()),
    last_message_id: row.last_message_id,
    session: sessionView(row, 'as-stored'),
  });
  for (const participant of participants)
    yield line('participant', { participant: participantView(participant) });
  for (const topic of topics) yield line('topic', { topic: topicView(topic) });
  let count = 0;
  for await (const page of messagePages(database, messageTable(row.type), row)) {
    count += page.length;
    yield page.join('');
  }
  const files =
    copyFile === undefined ? [] : await filesOfSession(database.kysely, row.id, row.last_message_id);
  for (const file of files) {
    const { id, mime, name, size, user_id } = file;
    const path = (await copyFile?.(file)) ?? null;
    yield line('file', {
      file: { id, user_id, name, mime, size, create_time: toIso(file.create_time), path },
    });
  }
  yield line('end', {
    participants: participants.length,
    topics: topics.length,
    messages: count,
    ...(copyFile === undefined ? {} : { files: files.length }),
  });
}

async function* messagePages(
  database: Database,
  table: MessageTableName,
  { id, last_message_id: last }: SessionRow,
): AsyncGenerator<string[]> {
  for (let after = 0; after < last;) {
    const { quoted, rows } = await findMessages(database.kysely, table, id, { after, to: last, limit: PAGE });
    if (rows.length === 0) return;
    const recalled = rows.filter((row) => row.content === null).map((row) => row.id);
    const kept = await recalledContents(database.kysely, id, recalled);
    yield rows.map((row) => {
      const whole = { ...row, content: row.content ?? kept.get(row.id) ?? null };
      return oneLine(
        `{"kind":"message","message":${messageJson(whole, 'as-stored', quoted.get(row.reply_to ?? 0))}}`,
      );
    });
    after = rows.at(-1)?.id ?? last;
  }
}

function line(kind: string, fields: Record<string, unknown>): string {
  return oneLine(json({ kind, ...fields }));
}

/** Contents of type 0 are kept as they were written, maybe over several lines. In JSON these are blanks: within a string they are escaped. */
function oneLine(text: string): string {
  return `${text.replace(/[\r\n]/g, ' ')}\n`;
}
