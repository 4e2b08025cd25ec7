import { type NoticeRow } from '../db/schema';
import { toIso } from '../db/time';

/** The wire form of a notice, for the platform. */
export function noticeView(row: NoticeRow) {
  return {
    id: row.id,
    channel: row.channel,
    session_id: row.session_id,
    message_id: row.message_id,
    user_id: row.user_id,
    client_id: row.client_id,
    state: row.state,
    attempts: row.attempts,
    last_error: row.last_error,
    create_time: toIso(row.create_time),
    due_time: toIso(row.due_time),
    update_time: toIso(row.update_time),
  };
}
