import { type Database } from '../../db/database';
import { type MessageTableName, type SessionRow, type TopicRow } from '../../db/schema';
import { nowSql, toIso } from '../../db/time';
import { messageTable } from '../../model/message-tables';
import { findMessages } from '../../model/messages';
import { type Participant, participantsOf } from '../../model/participants';
import { findSession } from '../../model/sessions';
import { json } from '../../views/frames';
import { messageJson } from '../../views/message';
import { participantView, sessionView } from '../../views/session';
import { topicView } from '../../views/topic';

const FORMAT = 'im-session';
const FORMAT_VERSION = 1;
/** Messages that are in memory at once; one of the platform's may be as large as a request, 256 KiB. */
const PAGE = 200;

/** What a session is at one moment; its messages up to `row.last_message_id` belong to it, and never change. */
interface Snapshot {
  row: SessionRow;
  participants: Participant[];
  topics: TopicRow[];
}

/**
 * A session as JSON Lines, some lines at a time: its header, participants, topics, messages from the first to the last, and
 * an end with their numbers (without it the copy is cut off). All of it is as of one moment, however long the reading
 * takes, and the reading holds nothing up: messages that come later are left out.
 * @returns undefined when there is no such session
 */
export async function exportSession(
  database: Database,
  sessionId: string,
): Promise<AsyncIterable<string> | undefined> {
  const snapshot = await readSnapshot(database, sessionId);
  return snapshot === undefined ? undefined : lines(database, snapshot);
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

async function* lines(database: Database, snapshot: Snapshot): AsyncGenerator<string> {
  const { participants, row, topics } = snapshot;
  yield line('session', {
    format: FORMAT,
    version: FORMAT_VERSION,
    exported_at: toIso(nowSql()),
    last_message_id: row.last_message_id,
    session: sessionView(row),
  });
  for (const participant of participants)
    yield line('participant', { participant: participantView(participant) });
  for (const topic of topics) yield line('topic', { topic: topicView(topic) });
  let count = 0;
  for await (const page of messagePages(database, messageTable(row.type), row)) {
    count += page.length;
    yield page.join('');
  }
  yield line('end', { participants: participants.length, topics: topics.length, messages: count });
}

async function* messagePages(
  database: Database,
  table: MessageTableName,
  { id, last_message_id: last }: SessionRow,
): AsyncGenerator<string[]> {
  for (let after = 0; after < last;) {
    const { rows } = await findMessages(database.kysely, table, id, { after, to: last, limit: PAGE });
    if (rows.length === 0) return;
    yield rows.map((row) => oneLine(`{"kind":"message","message":${messageJson(row)}}`));
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
