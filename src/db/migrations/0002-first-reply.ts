import { type Kysely, sql } from 'kysely';
import { type Dialect } from '../dialect';
import { type SchemaStep } from '../migrate';
import { withRetries } from '../retries';
import { addColumn } from './ddl';

/** So many topics an UPDATE: a server of the version before may be at work, and waits no longer than for one. */
const TOPICS_AT_ONCE = 200;

/** The tables of messages by the session's type. */
const MESSAGES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'] as const;

/** When topics were answered first; and which device a notice goes to. */
export const firstReply: SchemaStep = {
  async up(db, dialect) {
    await addColumn(db, dialect, 'topics', 'reply_time', dialect.types.time);
    await addColumn(db, dialect, 'notices', 'client_id', sql`varchar(64)`);
    await fillReplyTimes(db, dialect);
  },
};

interface Answered {
  id: string;
  type: number;
}

/** Goes through the topics by their ids, so that it needs little memory. One that has its time already is left alone. */
async function fillReplyTimes(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  for (let last = ''; ;) {
    const { rows } = await sql<Answered>`select topics.id, sessions.type from topics
      join sessions on sessions.id = topics.session_id
      where topics.reply = 1 and topics.reply_time is null and topics.id > ${last}
      order by topics.id limit ${sql.lit(TOPICS_AT_ONCE)}`.execute(db);
    for (const [type, messages] of MESSAGES.entries()) {
      const ids = rows.filter((row) => row.type === type).map(({ id }) => id);
      if (ids.length > 0) await withRetries(dialect, () => fillFrom(db, messages, ids));
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < TOPICS_AT_ONCE) return;
    last = end.id;
  }
}

/**
 * The first message of a doctor, of a type that is a reply, from the topic's start to its end. Whether somebody who has left
 * was a doctor is known to `user_states`, and else to `doctors`. (The hint, a comment to SQLite, keeps MySQL from reading the
 * messages of all sessions in the order of their ids.)
 */
async function fillFrom(db: Kysely<unknown>, messages: string, ids: readonly string[]): Promise<void> {
  await sql`update topics set reply_time = (
      select m.timestamp from ${sql.table(messages)} m /*! force index (${sql.ref(`${messages}_session`)}) */
      where m.session_id = topics.session_id and m.id >= topics.start_message_id
      and (topics.end_message_id is null or m.id <= topics.end_message_id)
      and m.type in (1, 2, 3, 4, 5, 8, 9, 12, 14)
      and 'doctor' = coalesce(
        (select p.type from participants p where p.session_id = m.session_id and p.participant_id = m.sender_id),
        (select u.type from user_states u where u.user_id = m.sender_id),
        (select max('doctor') from doctors d where d.id = m.sender_id)
      )
      order by m.id limit 1
    )
    where id in (${sql.join(ids)}) and reply = 1 and reply_time is null`.execute(db);
}
