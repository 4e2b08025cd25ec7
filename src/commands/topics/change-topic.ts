import { type TopicRow } from '../../db/schema';
import { runIn } from '../../db/statement';
import { notFound } from '../../errors';
import { Events } from '../../model/appending/events';
import { lockSession } from '../../model/appending/locked-session';
import { TOPIC_STATUS } from '../../model/topics';
import { visibleTopic } from '../access/access';
import { type Principal } from '../access/tokens';
import { announceTopic } from '../delivery/announce-stored';
import { type Services } from '../services';

export interface TopicChange {
  name?: string | undefined;
  description?: string | null | undefined;
  type?: number | undefined;
  reply?: number | undefined;
}

/** Changes a topic's own fields. @throws AppError `not_found` */
export async function changeTopic(
  { database, deliver, wantedEvents }: Pick<Services, 'database' | 'deliver' | 'wantedEvents'>,
  principal: Principal,
  topicId: string,
  change: TopicChange,
): Promise<TopicRow> {
  const { dialect, kysely } = database;
  const known = await visibleTopic(kysely, principal, topicId);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return known;
  const topic = await database.transaction(async (trx) => {
    // A doctor's message may be on its way, which is the reply, or somebody may be ending the topic.
    const run = runIn(trx, dialect);
    const session = await lockSession(run, dialect, known.session_id);
    if (session === undefined) throw notFound('topic');
    const before = await visibleTopic(trx, principal, topicId);
    await trx.updateTable('topics').set(given).where('id', '=', topicId).execute();
    const changed = await visibleTopic(trx, principal, topicId);
    if (change.reply !== undefined && changed.status === TOPIC_STATUS.open) {
      const unreplied = change.reply === 0 ? topicId : null;
      await trx
        .updateTable('sessions')
        .set({ unreplied_topic_id: unreplied })
        .where('id', '=', known.session_id)
        .execute();
    }
    const events = new Events(wantedEvents);
    if (before.reply === 0 && changed.reply === 1) events.add(session, 'topic.replied', { topicId });
    await events.store(run);
    return changed;
  });
  announceTopic(deliver, topic);
  return topic;
}
