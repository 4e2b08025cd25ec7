import { type TopicRow } from '../db/schema';
import { toIso } from '../db/time';

/** The wire form of a topic. */
export function topicView(row: TopicRow) {
  return {
    id: row.id,
    session_id: row.session_id,
    name: row.name,
    description: row.description,
    type: row.type,
    status: row.status,
    reply: row.reply,
    reply_time: row.reply_time === null ? null : toIso(row.reply_time),
    create_time: toIso(row.create_time),
    start_message_id: row.start_message_id,
    end_message_id: row.end_message_id,
    end_time: row.end_time === null ? null : toIso(row.end_time),
    end_by: row.end_by,
    end_by_name: row.end_by_name,
  };
}
