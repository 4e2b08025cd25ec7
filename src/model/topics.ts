import { type Queryable } from '../db/database';
import { type TopicRow } from '../db/schema';
import { type SqlTime } from '../db/time';

export const TOPIC_STATUS = { open: 0, ended: 10 } as const;

export async function findTopic(db: Queryable, id: string): Promise<TopicRow | undefined> {
  return db.selectFrom('topics').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The session's open topic. */
export async function openTopicOf(db: Queryable, sessionId: string): Promise<TopicRow | undefined> {
  return db.selectFrom('topics').selectAll().where('open_session_id', '=', sessionId).executeTakeFirst();
}

/** The topic that started last in the session, open or ended. */
export async function lastTopic(db: Queryable, sessionId: string): Promise<TopicRow | undefined> {
  return db
    .selectFrom('topics')
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('create_time', 'desc')
    .orderBy('start_message_id', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The topic during which a message was sent; the last one that started before it. */
export async function topicOfMessage(
  db: Queryable,
  sessionId: string,
  messageId: number,
): Promise<TopicRow | undefined> {
  return db
    .selectFrom('topics')
    .selectAll()
    .where('session_id', '=', sessionId)
    .where('start_message_id', '<=', messageId)
    .where((eb) => eb.or([eb('end_message_id', 'is', null), eb('end_message_id', '>=', messageId)]))
    .orderBy('create_time', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export interface TopicFilter {
  /** Topics of sessions that this user takes part in. */
  userId?: string | undefined;
  sessionId?: string | undefined;
  status?: number | undefined;
  reply?: number | undefined;
  type?: number | undefined;
  /** Of the topic's session, as it is now. */
  sessionType?: number | undefined;
  businessType?: number | undefined;
  /** from ≤ create_time < to */
  from?: SqlTime | undefined;
  to?: SqlTime | undefined;
}

/** The topics that `filter` lets through, for a query to select from. */
export function filteredTopics(db: Queryable, filter: TopicFilter) {
  let query = db.selectFrom('topics');
  const { businessType, from, reply, sessionId, sessionType, status, to, type, userId } = filter;
  if (userId !== undefined) {
    query = query.where('topics.session_id', 'in', (eb) =>
      eb.selectFrom('participants').select('participants.session_id').where('participant_id', '=', userId),
    );
  }
  if (sessionId !== undefined) query = query.where('topics.session_id', '=', sessionId);
  if (status !== undefined) query = query.where('topics.status', '=', status);
  if (reply !== undefined) query = query.where('topics.reply', '=', reply);
  if (type !== undefined) query = query.where('topics.type', '=', type);
  if (businessType !== undefined || sessionType !== undefined) {
    query = query.where('topics.session_id', 'in', (eb) =>
      eb
        .selectFrom('sessions')
        .select('sessions.id')
        .$if(businessType !== undefined, (sessions) => sessions.where('business_type', '=', businessType!))
        .$if(sessionType !== undefined, (sessions) => sessions.where('type', '=', sessionType!)),
    );
  }
  if (from !== undefined) query = query.where('topics.create_time', '>=', from);
  if (to !== undefined) query = query.where('topics.create_time', '<', to);
  return query;
}

/** Topics, newest first, after the place that a cursor names; one more than `limit` when there are more. */
export async function findTopics(
  db: Queryable,
  filter: TopicFilter,
  limit: number,
  after?: { time: SqlTime; id: string },
): Promise<TopicRow[]> {
  let query = filteredTopics(db, filter)
    .selectAll('topics')
    .orderBy('topics.create_time', 'desc')
    .orderBy('topics.id', 'desc')
    .limit(limit + 1);
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('topics.create_time', '<', after.time),
        eb.and([eb('topics.create_time', '=', after.time), eb('topics.id', '<', after.id)]),
      ]),
    );
  }
  return query.execute();
}

/** How many open topics have no reply, over all sessions: read from the index of the open ones. */
export async function countWaiting(db: Queryable): Promise<number> {
  const { count } = await db
    .selectFrom('topics')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('open_session_id', 'is not', null)
    .where('reply', '=', 0)
    .executeTakeFirstOrThrow();
  return count;
}

/** How many topics are new, replied, ended without a reply and ended with one: one query. */
export async function replyCounts(db: Queryable, filter: TopicFilter) {
  const rows = await filteredTopics(db, filter)
    .select((eb) => ['topics.status', 'topics.reply', eb.fn.countAll<number>().as('count')])
    .groupBy(['topics.status', 'topics.reply'])
    .execute();
  const count = (status: number, reply: number) =>
    rows.find((row) => row.status === status && row.reply === reply)?.count ?? 0;
  return {
    new: count(TOPIC_STATUS.open, 0),
    replied: count(TOPIC_STATUS.open, 1),
    ended_unreplied: count(TOPIC_STATUS.ended, 0),
    ended_replied: count(TOPIC_STATUS.ended, 1),
  };
}
