import { type Transaction } from 'kysely';
import { type Queryable } from '../../db/database';
import { type Schema, type TopicRow } from '../../db/schema';
import { runIn } from '../../db/statement';
import { notFound } from '../../errors';
import { Append, type Appended } from '../../model/appending/append';
import { Events } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { findTopic, lastTopic, TOPIC_STATUS } from '../../model/topics';
import { findUser } from '../../model/users';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { asName } from '../../model/values/text';
import { mayWrite } from '../access/may-write';
import { storedMessages } from '../sending/send';
import { type Services } from '../services';

export interface TopicEnd {
  userId: string;
  userName?: string | undefined;
  /** what is said after the end, as a message of type 10 */
  message?: string | undefined;
  byBackend: boolean;
}

/** The topic of a session that a path names, `current` being its last one. @throws AppError `not_found` */
export async function topicOfSession(db: Queryable, sessionId: string, topicId: string): Promise<TopicRow> {
  const topic = topicId === 'current' ? await lastTopic(db, sessionId) : await findTopic(db, topicId);
  if (topic?.session_id !== sessionId) throw notFound('topic');
  return topic;
}

/**
 * Ends a topic: writes its type 7 message, and with `message` one of type 10. Ending it again changes nothing.
 * @throws AppError `not_found`; `forbidden` for a user in a system session
 */
export async function endTopic(
  {
    announceStored,
    database,
    noticePlan,
    wantedEvents,
  }: Pick<Services, 'announceStored' | 'database' | 'noticePlan' | 'wantedEvents'>,
  sessionId: string,
  topicId: string,
  end: TopicEnd,
): Promise<TopicRow> {
  const { dialect } = database;
  const { stored, topic } = await database.transaction(async (trx) => {
    const run = runIn(trx, dialect);
    const session = await lockSession(run, dialect, sessionId);
    if (!session?.members.has(end.userId)) throw notFound('session');
    const before = await topicOfSession(trx, sessionId, topicId);
    mayWrite(session, { id: end.userId, byBackend: end.byBackend }, MESSAGE_TYPE.topicEnd, 'user_id');
    if (before.status === TOPIC_STATUS.ended) return { topic: before, stored: undefined };
    const name = (await findUser(trx, end.userId))?.name ?? end.userId;
    session.row.unreplied_topic_id = null;
    const events = new Events(wantedEvents);
    const append = new Append(dialect, noticePlan, events);
    const said = appendEnd(append, events, session, before, end, name);
    await append.store(run);
    await updateEnded(trx, before, end.userId, end.userName ?? asName(name), said[0]);
    await events.store(run);
    const ended = await topicOfSession(trx, sessionId, before.id);
    const messages = storedMessages(session, said, 'as-stored');
    return { topic: ended, stored: { messages, topic: ended, repliedTopics: [], notices: append.notices } };
  });
  if (stored !== undefined) announceStored(stored);
  return topic;
}

function appendEnd(
  append: Append,
  events: Events,
  session: LockedSession,
  topic: TopicRow,
  { message, userId }: TopicEnd,
  senderName: string,
): [Appended, ...Appended[]] {
  const sender = { senderId: userId, senderName, client: null };
  const content = JSON.stringify({ topic_id: topic.id, name: topic.name });
  const last = append.add(session, { ...sender, type: MESSAGE_TYPE.topicEnd, content });
  events.add(session, 'topic.ended', { topicId: topic.id });
  if (message === undefined) return [last];
  const after = { ...sender, type: MESSAGE_TYPE.afterTopic, content: JSON.stringify(message) };
  return [last, append.add(session, after)];
}

async function updateEnded(
  trx: Transaction<Schema>,
  topic: TopicRow,
  userId: string,
  userName: string,
  { row: last }: Appended,
): Promise<void> {
  await trx
    .updateTable('topics')
    .set({
      status: TOPIC_STATUS.ended,
      end_message_id: last.id,
      end_time: last.timestamp,
      end_by: userId,
      end_by_name: userName,
      open_session_id: null,
    })
    .where('id', '=', topic.id)
    .execute();
  await trx.updateTable('sessions').set({ status: 0 }).where('id', '=', topic.session_id).execute();
}
