import { type Database } from '../../db/database';
import { type TopicRow } from '../../db/schema';
import { fromSqlTime } from '../../db/time';
import { describeError, log } from '../../logger';
import { type Metrics } from '../../metrics';
import { type WrittenNotices } from '../../model/written-notices';
import { type RepliedTopic } from '../../model/appending/append-statements';
import { type Member, type Participant } from '../../model/participants';
import { findTopic } from '../../model/topics';
import { frame } from '../../views/frames';
import { participantView } from '../../views/session';
import { topicView } from '../../views/topic';
import { type Notices } from '../notices/notices';
import { type StoredMessage } from '../sending/send';
import { type Webhooks } from '../webhooks/webhooks';
import { type Activity } from './activity';
import { type Deliver } from './deliver';

/** Who came and who went, and the participants afterwards. */
export interface MembersChange {
  sessionId: string;
  added: readonly Member[];
  removed: readonly string[];
  participants: readonly Participant[];
  /** The session's newest message then: those who came get what is above it. */
  lastMessageId: number;
}

/** What a transaction committed, in this order. */
export interface Stored {
  members?: MembersChange | undefined;
  messages: readonly StoredMessage[];
  /** A topic that was started or ended with the messages. */
  topic?: TopicRow | undefined;
  /** Topics that got their first reply by the messages. */
  repliedTopics: readonly RepliedTopic[];
  notices: WrittenNotices;
}

/** Tells everybody whom it concerns what was committed: sends, topics and calls all end here. */
export type AnnounceStored = (stored: Stored) => void;

export interface AnnounceStoredOptions {
  database: Database;
  deliver: Deliver;
  activity: Activity;
  notices: Notices;
  metrics: Metrics;
  webhooks: Webhooks;
}

export function announcerOf(options: AnnounceStoredOptions): AnnounceStored {
  const { activity, deliver, metrics, notices, webhooks } = options;
  return (stored) => {
    if (stored.members !== undefined) announceMembers(deliver, stored.members);
    deliver.messages(stored.messages);
    for (const { row, session } of stored.messages) {
      const sender = session.members.get(row.sender_id);
      if (sender !== undefined) activity.touch(sender);
    }
    if (stored.topic !== undefined) {
      announceTopic(deliver, stored.topic);
      if (stored.repliedTopics.length > 0) observeFirstReply(metrics, stored.topic);
    }
    const replied = stored.repliedTopics.filter(({ id }) => id !== stored.topic?.id);
    if (replied.length > 0) void announceReplies(options, replied);
    notices.written(stored.notices, stored.messages.length);
    webhooks.written(stored.messages.length);
  };
}

/** Tells sockets who takes part now, and closes those of the removed. */
export function announceMembers(deliver: Deliver, change: MembersChange): void {
  const { added, lastMessageId, participants, removed, sessionId } = change;
  deliver.membersChanged({
    sessionId,
    added: added.map(({ id, type }) => ({ id, type })),
    removed: [...removed],
    lastMessageId,
    frame: frame('participants', { session_id: sessionId, items: participants.map(participantView) }),
  });
}

/** Tells the topic to everybody who gets its session's messages. */
export function announceTopic(deliver: Deliver, topic: TopicRow): void {
  deliver.sessionEvent(topic.session_id, frame('topic', { topic: topicView(topic) }));
}

/** A topic got its first reply: how long it waited goes into the metrics. */
export function observeFirstReply(metrics: Metrics, { create_time: from, reply_time: to }: TopicRow): void {
  if (to !== null) metrics.firstReplySeconds.observe((fromSqlTime(to) - fromSqlTime(from)) / 1000);
}

/** Tells topics that got their first reply with a message of somebody's. */
async function announceReplies(
  { database, deliver, metrics }: AnnounceStoredOptions,
  topics: readonly RepliedTopic[],
): Promise<void> {
  try {
    for (const { id } of topics) {
      const topic = await findTopic(database.kysely, id);
      if (topic === undefined) continue;
      announceTopic(deliver, topic);
      observeFirstReply(metrics, topic);
    }
  } catch (error) {
    if (!database.outage.explains(error))
      log.warn(`a topic's reply could not be told: ${describeError(error)}`);
  }
}
