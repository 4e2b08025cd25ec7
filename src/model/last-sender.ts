import { type RawBuilder, sql } from 'kysely';
import { type SqlTime } from '../db/time';

/**
 * Of a session's last sender, the session's row tells what its own row among the participants may not tell yet: that one is
 * written when somebody else sends (see `Append`). These two are for queries that join `participants` and `sessions` under
 * these names, or under others.
 */
interface Joined {
  p: string;
  s: string;
}

const PLAIN: Joined = { p: 'participants', s: 'sessions' };

/** Up to when a participant has read. */
export function fetchTime({ p, s } = PLAIN): RawBuilder<SqlTime> {
  return sql<SqlTime>`case when ${sql.ref(`${s}.last_sender_id`)} = ${sql.ref(`${p}.participant_id`)}
    and ${sql.ref(`${s}.sender_fetch_time`)} > ${sql.ref(`${p}.last_fetch_time`)}
    then ${sql.ref(`${s}.sender_fetch_time`)} else ${sql.ref(`${p}.last_fetch_time`)} end`;
}

/** When a participant sent last; null: never. */
export function sentTime({ p, s } = PLAIN): RawBuilder<SqlTime | null> {
  return sql<SqlTime | null>`case when ${sql.ref(`${s}.last_sender_id`)} = ${sql.ref(`${p}.participant_id`)}
    then ${sql.ref(`${s}.last_message_time`)} else ${sql.ref(`${p}.last_sent_time`)} end`;
}
