import { type Queryable } from '../db/database';
import { fromSqlTime, laterOf, type SqlTime, toSqlTime } from '../db/time';
import { messagesBySession, messageTable } from './message-tables';

/**
 * When participants sent last. Of a session's last sender the session's row tells it, of others their own rows, or messages
 * soon after the one that these tell (see `Append`).
 */

/** For so long after a send that a sender's row tells, others of the same sender need not be written into it. */
export const SENT_STEP_MS = 10_000;

/** What a participant's row, and its session's, tell of when it sent last. */
interface SentRow {
  session_id: string;
  participant_id: string;
  type: number;
  last_sent_time: SqlTime | null;
  last_sent_id: number | null;
  last_sender_id: string | null;
  last_message_time: SqlTime | null;
}

function sentRows(db: Queryable) {
  return db
    .selectFrom('memberships')
    .innerJoin('sessions', 'sessions.id', 'memberships.session_id')
    .select([
      'session_id',
      'participant_id',
      'sessions.type',
      'last_sent_time',
      'last_sent_id',
      'last_sender_id',
      'last_message_time',
    ]);
}

/** When the participant sent last at least, and whether it may be that much later. */
function toldOf(row: SentRow): { time: SqlTime | null; isExact: boolean } {
  return row.last_sender_id === row.participant_id
    ? { time: row.last_message_time, isExact: true }
    : { time: row.last_sent_time, isExact: row.last_sent_time === null || row.last_sent_id === null };
}

/** When the participant sent last; null: never. */
async function sentTime(db: Queryable, row: SentRow): Promise<SqlTime | null> {
  const { isExact, time } = toldOf(row);
  if (isExact || time === null) return time;
  const messages = db
    .selectFrom(messagesBySession(messageTable(row.type)))
    .where('session_id', '=', row.session_id)
    .where('id', '>', row.last_sent_id);
  // Ids and times rise together: what is looked through ends with the step.
  const end = await messages
    .select('id')
    .where('timestamp', '>=', stepAfter(time))
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  const last = await messages
    .select((eb) => eb.fn.max('timestamp').as('time'))
    .where('sender_id', '=', row.participant_id)
    .where('id', '<', end?.id ?? Number.MAX_SAFE_INTEGER)
    .executeTakeFirst();
  return laterOf(time, last?.time ?? null);
}

function stepAfter(time: SqlTime): SqlTime {
  return toSqlTime(fromSqlTime(time) + SENT_STEP_MS);
}

/** When each of these participants of the session sent there last, by id; who never did is left out. */
export async function sentTimes(
  db: Queryable,
  sessionId: string,
  ids: readonly string[],
): Promise<Map<string, SqlTime>> {
  const rows = await sentRows(db)
    .where('session_id', '=', sessionId)
    .where('participant_id', 'in', [...ids])
    .execute();
  const times = new Map<string, SqlTime>();
  for (const row of rows) {
    const time = await sentTime(db, row);
    if (time !== null) times.set(row.participant_id, time);
  }
  return times;
}

/** When the user last wrote in a session with a patient in which it takes part; null: never. */
export async function lastSentToPatients(db: Queryable, userId: string): Promise<SqlTime | null> {
  const rows = await sentRows(db)
    .where('participant_id', '=', userId)
    .where('business_type', '=', 2)
    .execute();
  let last: SqlTime | null = null;
  for (const row of rows) last = laterOf(last, toldOf(row).time);
  for (const row of rows) {
    const { isExact, time } = toldOf(row);
    if (!isExact && time !== null && last !== null && stepAfter(time) > last)
      last = laterOf(last, await sentTime(db, row));
  }
  return last;
}
