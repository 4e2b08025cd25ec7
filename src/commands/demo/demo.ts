import { sql, type Transaction } from 'kysely';
import { type Database, type Queryable } from '../../db/database';
import { type Dialect } from '../../db/dialect';
import { type Schema } from '../../db/schema';
import { runIn } from '../../db/statement';
import { toSqlTime } from '../../db/time';
import { Append } from '../../model/appending/append';
import { type NoticePlan } from '../../model/written-notices';
import { Events, NO_EVENTS } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { SYSTEM_USER } from '../../model/values/identifiers';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { messageTable } from '../../model/message-tables';
import { TOPIC_STATUS } from '../../model/topics';
import { findUsers, insertProfile, lockUserState, profilesAreViews } from '../../model/users';
import { DEMO_USERS, type DemoLine, demoSessions } from './demo-data';
import { forwardedContent } from '../sending/forwarded-content';
import { knownParticipants } from '../sessions/participants';
import { insertSession } from '../sessions/sessions';

const MINUTE_MS = 60_000;

/** What was said before the demo began reaches nobody's WeChat. */
const NO_NOTICES: NoticePlan = { usesDevices: false, plan: () => [] };

/** Where this process is reached from its own machine: demo pictures are stored with absolute URLs. */
export function ownAddress(host: string, port: number): string {
  const name = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/**
 * Makes the demo's people, sessions and messages, when the database has no sessions and the profiles are not the platform's.
 * All in one transaction: of several processes that start at once one does it, and none leaves half of it.
 * @param address where the server is reached, an absolute URL without a slash at its end
 * @returns whether this call made them
 */
export async function makeDemoData(database: Database, address: string): Promise<boolean> {
  if (await hasSessions(database.kysely)) return false;
  if (await profilesAreViews(database.kysely, database.dialect)) return false;
  try {
    return await database.transaction(async (trx) => {
      if (await hasSessions(trx)) return false;
      await storeDemo(database, trx, `${address}/demo/assets/media`);
      return true;
    });
  } catch (error) {
    if (database.dialect.isUniqueViolation(error)) return false;
    throw error;
  }
}

async function hasSessions(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('sessions').select('id').limit(1).executeTakeFirst()) !== undefined;
}

async function storeDemo({ dialect }: Database, trx: Transaction<Schema>, media: string): Promise<void> {
  const known = await findUsers(
    trx,
    DEMO_USERS.map(({ id }) => id),
  );
  for (const { id, type, name, sex, birthdate } of DEMO_USERS) {
    await lockUserState(trx, dialect, id, type);
    if (!known.has(id)) await insertProfile(trx, type, id, { name, sex, birthdate });
  }
  const now = Date.now();
  await rememberActivity(trx, now);
  const teamMessages: number[] = [];
  for (const { id, type, name, participants, lines } of demoSessions(media)) {
    const input = participants.map((participant, index) => ({ id: participant, role: index === 0 ? 1 : 0 }));
    await insertSession(
      trx,
      dialect,
      { id, type, name },
      await knownParticipants(trx, { kind: 'backend' }, input, 'participants'),
    );
    const begin = toSqlTime(now - ((lines[0]?.minutesAgo ?? 0) + 1) * MINUTE_MS);
    await trx
      .updateTable('sessions')
      .set({ create_date: begin, clock_time: begin })
      .where('id', '=', id)
      .execute();
    await trx
      .updateTable('participants')
      .set({ last_fetch_time: begin })
      .where('session_id', '=', id)
      .execute();
    const session = await lockSession(runIn(trx, dialect), dialect, id);
    if (session === undefined) throw new Error('a session that was just made is gone');
    for (const line of lines) {
      const messageId = await storeLine(dialect, trx, session, line, now, teamMessages);
      if (id === 'demo-team') teamMessages.push(messageId);
    }
    // Who wrote had read what was there.
    await trx
      .updateTable('participants')
      .set({
        last_fetch_time: sql<string>`coalesce((select max(m.timestamp) from ${sql.table(messageTable(type))} as m
          where m.session_id = participants.session_id and m.sender_id = participants.participant_id), last_fetch_time)`,
      })
      .where('session_id', '=', id)
      .execute();
  }
}

/** Who wrote was there when they wrote. */
async function rememberActivity(trx: Transaction<Schema>, now: number): Promise<void> {
  const lines = demoSessions('').flatMap((session) => session.lines);
  for (const { id } of DEMO_USERS) {
    const ages = lines.filter(({ from }) => from === id).map(({ minutesAgo }) => minutesAgo);
    if (ages.length === 0) continue;
    const last = toSqlTime(now - Math.min(...ages) * MINUTE_MS);
    await trx.updateTable('user_states').set({ last_active_time: last }).where('user_id', '=', id).execute();
  }
}

/** Stores one line, with what a topic's start or end changes. @returns the message's id */
async function storeLine(
  dialect: Dialect,
  trx: Transaction<Schema>,
  session: LockedSession,
  line: DemoLine,
  now: number,
  teamMessages: readonly number[],
): Promise<number> {
  const run = runIn(trx, dialect);
  const append = new Append(dialect, NO_NOTICES, new Events(NO_EVENTS));
  session.now = toSqlTime(now - line.minutesAgo * MINUTE_MS);
  const content =
    line.forward === undefined
      ? JSON.stringify(line.content)
      : await forwardedContent(
          run,
          dialect,
          { session_id: 'demo-team', message_id: teamMessages[line.forward] ?? 0 },
          line.from,
        );
  const message = append.add(session, {
    senderId: line.from ?? SYSTEM_USER.id,
    senderName: nameOf(line.from),
    type: line.type,
    content,
    client: null,
  });
  await append.store(run);
  if (line.type === MESSAGE_TYPE.topicStart || line.type === MESSAGE_TYPE.topicEnd) {
    await storeTopicChange(trx, session, line, message.row);
  }
  return message.row.id;
}

async function storeTopicChange(
  trx: Transaction<Schema>,
  session: LockedSession,
  line: DemoLine,
  { id: messageId, timestamp }: { id: number; timestamp: string },
): Promise<void> {
  const { topic_id: id, name } = line.content as { topic_id: string; name: string };
  const sessionId = session.row.id;
  const starts = line.type === MESSAGE_TYPE.topicStart;
  await trx
    .updateTable('sessions')
    .set({ status: starts ? 1 : 0 })
    .where('id', '=', sessionId)
    .execute();
  if (starts) {
    const place = { session_id: sessionId, open_session_id: sessionId };
    await trx
      .insertInto('topics')
      .values({
        id,
        name,
        ...(line.description === undefined ? {} : { description: line.description }),
        ...place,
        create_time: timestamp,
        start_message_id: messageId,
      })
      .execute();
    session.row.unreplied_topic_id = id;
    return;
  }
  session.row.unreplied_topic_id = null;
  await trx
    .updateTable('topics')
    .set({
      status: TOPIC_STATUS.ended,
      end_message_id: messageId,
      end_time: timestamp,
      end_by: line.from,
      end_by_name: nameOf(line.from),
      open_session_id: null,
    })
    .where('id', '=', id)
    .execute();
}

function nameOf(userId: string | null): string {
  return DEMO_USERS.find(({ id }) => id === userId)?.name ?? SYSTEM_USER.name;
}
