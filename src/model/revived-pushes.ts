import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type NoticeRow } from '../db/schema';
import { type LockedSession } from './appending/locked-session';
import { messageTable } from './message-tables';
import { CHANNEL, newerWasSent, NEWER } from './push-notices';

/** So many of a user's skipped notices in the session, the newest: one that was not read is among them, or there is none to speak of. */
const LOOKED_AT = 100;

/**
 * A message is being taken back whose pushes still wait. Of each phone, the newest older message that was skipped for it, is not
 * taken back and was not read, waits again, due at once: or nobody would be told of it. Needs the session's lock, and comes before
 * the message's own notices are skipped.
 */
export async function revivePushes(trx: Queryable, session: LockedSession, messageId: number): Promise<void> {
  const { members, now, row } = session;
  if (members.size === 0) return;
  const { rows: waiting } = await sql<NoticeRow>`select * from notices /*! force index (notices_message) */
    where state = 'pending' and channel = ${CHANNEL} and session_id = ${row.id} and message_id = ${messageId}
      and user_id in (${sql.join([...members.keys()])})`.execute(trx);
  for (const { client_id, fallback_time, user_id } of waiting) {
    const { rows } = await sql<NoticeRow>`select n.* from (
        select * from notices /*! force index (notices_message) */
        where user_id = ${user_id} and session_id = ${row.id} and state = 'skipped' and message_id < ${messageId}
        order by message_id desc limit ${sql.lit(LOOKED_AT)}
      ) n
      join ${sql.table(messageTable(row.type))} m on m.id = n.message_id
      join participants p on p.session_id = n.session_id and p.participant_id = n.user_id
      where n.client_id = ${client_id} and n.channel = ${CHANNEL} and n.last_error = ${NEWER}
        and m.content is not null and m.timestamp > p.last_fetch_time
      order by n.message_id desc limit 1`.execute(trx);
    const [skipped] = rows;
    if (skipped === undefined || (await newerWasSent(trx, skipped))) continue;
    await trx
      .updateTable('notices')
      .set({
        state: 'pending',
        last_error: null,
        claimed_by: null,
        request_id: null,
        due_time: now,
        update_time: now,
        fallback_time,
      })
      .where('id', '=', skipped.id)
      .where('state', '=', 'skipped')
      .execute();
  }
}
