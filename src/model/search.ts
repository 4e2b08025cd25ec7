import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type MessageRow, type MessageTableName } from '../db/schema';
import { messagesBySession } from './message-tables';
import { SEARCHABLE_TYPES, searchableTexts } from './values/message-content';

/** What one request looks at. */
const LOOK_AT = 10_000;
/** What one query reads: a platform's message may hold 256 KiB. */
const A_QUERY = 500;

export interface Search {
  /** As written, but for the case of ASCII letters. */
  words: string;
  senderId?: string | undefined;
  type?: number | undefined;
  /** ids strictly below */
  before?: number | undefined;
  limit: number;
}

export interface SearchResult {
  /** newest first */
  rows: MessageRow[];
  /** Where the next request goes on, below this id; null: all was looked at. */
  next: number | null;
}

/**
 * Looks through a session's messages, newest first: 10,000 at most, by the session's own index, so that its cost does not
 * grow with the table. The texts are compared here: so two-character Chinese words are found, nothing is a wildcard, and
 * all databases find the same.
 */
export async function searchMessages(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  { before, limit, senderId, type, words }: Search,
): Promise<SearchResult> {
  const types = SEARCHABLE_TYPES.filter((each) => type === undefined || each === type);
  if (types.length === 0) return { rows: [], next: null };
  const wanted = lowerCase(words);
  const ids: number[] = [];
  const result = async (next: number | null) => ({ rows: await findRows(db, table, ids), next });
  let below = before ?? Number.MAX_SAFE_INTEGER;
  for (let looked = 0; looked < LOOK_AT; looked += A_QUERY) {
    // One more tells whether there is more.
    const found = await readBelow(db, table, sessionId, below, { types, senderId }, A_QUERY + 1);
    for (const [index, row] of found.slice(0, A_QUERY).entries()) {
      below = row.id;
      if (!holds(row, wanted)) continue;
      ids.push(row.id);
      if (ids.length === limit) return result(index + 1 < found.length ? below : null);
    }
    if (found.length <= A_QUERY) return result(null);
    // SQLite answers in this thread: others come in between.
    await nextTurn();
  }
  return result(below);
}

type Looked = Pick<MessageRow, 'id' | 'type' | 'content'>;

/** The session's newest messages below an id; those that can't be meant come without their content. */
async function readBelow(
  db: Queryable,
  table: MessageTableName,
  sessionId: string,
  below: number,
  { senderId, types }: { senderId: string | undefined; types: readonly number[] },
  limit: number,
): Promise<Looked[]> {
  const isMeant = sql<boolean>`m.type in (${sql.join(types)})`;
  const isSender = senderId === undefined ? sql`1 = 1` : sql`m.sender_id = ${senderId}`;
  return db
    .selectFrom(messagesBySession(table))
    .select([
      'id',
      'type',
      sql<string | null>`case when ${isMeant} and ${isSender} then m.content end`.as('content'),
    ])
    .where('session_id', '=', sessionId)
    .where('id', '<', below)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

/** Those that were found, but for what was taken back since. */
async function findRows(
  db: Queryable,
  table: MessageTableName,
  ids: readonly number[],
): Promise<MessageRow[]> {
  if (ids.length === 0) return [];
  return (
    db
      .selectFrom(table)
      .selectAll()
      .where('id', 'in', [...ids])
      // By the primary key alone: MariaDB would read the whole session.
      .where('content', 'is not', null)
      .orderBy('id', 'desc')
      .execute()
  );
}

function holds({ content, type }: Looked, wanted: string): boolean {
  if (content === null) return false;
  return searchableTexts(type, JSON.parse(content)).some((text) => lowerCase(text).includes(wanted));
}

/** With ASCII's letters alone in lower case. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
