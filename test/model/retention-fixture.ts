import { type Insertable } from 'kysely';
import { type Database } from '../../src/db/database';
import { type Schema } from '../../src/db/schema';
import { toSqlTime } from '../../src/db/time';
import { MESSAGE_TABLES } from '../../src/model/message-tables';

const DAY_MS = 24 * 60 * 60_000;
export const KEEP_DAYS = 30;
/** The lease's name in `server_state`. */
export const LEASE = 'retention';

export const daysAgo = (days: number) => toSqlTime(Date.now() - Math.round(days * DAY_MS));

/** Gives a session messages of the past, as if it were as old as the oldest; `ages` in days, oldest first. */
export async function past(
  database: Database,
  sessionId: string,
  sender: string,
  ages: readonly number[],
): Promise<number[]> {
  const db = database.kysely;
  const { type } = await db
    .selectFrom('sessions')
    .select('type')
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow();
  const table = MESSAGE_TABLES[type]!;
  const rows = ages.map((age, index): Insertable<Schema['muc_messages']> => ({
    session_id: sessionId,
    sender_id: sender,
    sender_name: sender,
    type: 1,
    content: JSON.stringify(`${sender} ${index}`),
    timestamp: daysAgo(age),
    client_msg_id: null,
    client_key: null,
  }));
  for (let from = 0; from < rows.length; from += 500) {
    await db
      .insertInto(table)
      .values(rows.slice(from, from + 500))
      .execute();
  }
  const all = await db
    .selectFrom(table)
    .select(['id', 'timestamp'])
    .where('session_id', '=', sessionId)
    .orderBy('id')
    .execute();
  const last = all.at(-1)!;
  await db
    .updateTable('sessions')
    .set({
      create_date: daysAgo(ages[0]! + 1),
      last_message_id: last.id,
      last_message_time: last.timestamp,
      other_message_time: null,
      last_sender_id: sender,
      last_sender_name: sender,
      last_content_type: 1,
      last_content: '"x"',
    })
    .where('id', '=', sessionId)
    .execute();
  await db
    .updateTable('participants')
    .set({ last_fetch_time: daysAgo(ages[0]! + 1) })
    .where('session_id', '=', sessionId)
    .execute();
  return all.slice(-ages.length).map(({ id }) => id);
}

/** How many messages a session of type 1 has. */
export async function countOf(database: Database, sessionId: string): Promise<number> {
  const row = await database.kysely
    .selectFrom('muc_messages')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  return Number(row?.count);
}
