import { type TopicRow } from '../../db/schema';
import { runIn } from '../../db/statement';
import { laterOf } from '../../db/time';
import { notFound } from '../../errors';
import { Events } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { TOPIC_STATUS } from '../../model/topics';
import { visibleTopic } from '../access/access';
import { type Principal } from '../access/tokens';
import { announceTopic, observeFirstReply } from '../delivery/announce-stored';
import { type Services } from '../services';

export interface TopicChange {
  name?: string | undefined;
  description?: string | null | undefined;
  type?: number | undefined;
  reply?: number | undefined;
}

/**
 * Changes a topic's own fields. `reply` 1 by hand is a reply of now, unless there was one before; after 0 the next answer
 * counts.
 * @throws AppError `not_found`
 */
export async function changeTopic(
  {
    database,
    deliver,
    metrics,
    wantedEvents,
  }: Pick<Services, 'database' | 'deliver' | 'metrics' | 'wantedEvents'>,
  principal: Principal,
  topicId: string,
  change: TopicChange,
): Promise<TopicRow> {
  const { dialect, kysely } = database;
  const known = await visibleTopic(kysely, principal, topicId);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return known;
  const { isReply, topic } = await database.transaction(async (trx) => {
    // A doctor's message may be on its way, which is the reply, or somebody may be ending the topic.
    const run = runIn(trx, dialect);
    const session = await lockSession(run, dialect, known.session_id);
    if (session === undefined) throw notFound('topic');
    const before = await visibleTopic(trx, principal, topicId);
    await trx
      .updateTable('topics')
      .set({ ...given, reply_time: replyTime(session, before, change) })
      .where('id', '=', topicId)
      .execute();
    const changed = await visibleTopic(trx, principal, topicId);
    if (change.reply !== undefined && changed.status === TOPIC_STATUS.open) {
      const unreplied = change.reply === 0 ? topicId : null;
      await trx
        .updateTable('sessions')
        .set({ unreplied_topic_id: unreplied })
        .where('id', '=', known.session_id)
        .execute();
    }
    const isReply = before.reply === 0 && changed.reply === 1;
    const events = new Events(wantedEvents);
    if (isReply) events.add(session, 'topic.replied', { topicId });
    await events.store(run);
    return { topic: changed, isReply };
  });
  announceTopic(deliver, topic);
  if (isReply) observeFirstReply(metrics, topic);
  return topic;
}

/** When the topic counts as answered after `change`. */
function replyTime({ now, row }: LockedSession, before: TopicRow, { reply }: TopicChange): string | null {
  if (reply === 0) return null;
  // As for a message: never before what came before it in the session.
  return reply === 1 && before.reply === 0 ? laterOf(now, row.clock_time) : before.reply_time;
}
