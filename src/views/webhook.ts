import { type MessageRow, type TopicRow, type WebhookEventRow } from '../db/schema';
import { toIso } from '../db/time';
import { type WebhookContent } from '../resources/config/webhook';
import { type Quoted } from '../model/quotes';
import { type FileView } from './file';
import { json } from './frames';
import { messageJson, RawJson } from './message';
import { topicView } from './topic';

/** What an event tells of, as it is now. */
export interface WebhookSubject {
  message?: MessageRow | undefined;
  /** The message that it quotes. */
  quoted?: Quoted | undefined;
  topic?: TopicRow | undefined;
}

/** The JSON text that the platform gets of an event. */
export function webhookBody(
  { create_time, details, sequence, session_id, type }: WebhookEventRow,
  { message, quoted, topic }: WebhookSubject,
  content: WebhookContent,
  files: FileView,
): string {
  let told: Record<string, unknown>;
  if (message !== undefined) told = { message: messageOf(messageJson(message, files, quoted), content) };
  else if (topic !== undefined) told = { topic: topicOf(topic, details, content) };
  else told = details === null ? {} : (JSON.parse(details) as Record<string, unknown>);
  return json({ type, timestamp: toIso(create_time), data: { ...told, session_id, sequence } });
}

function messageOf(text: string, content: WebhookContent): RawJson {
  if (content === 'full') return new RawJson(text);
  const {
    client_msg_id: _id,
    content: _content,
    ...rest
  } = JSON.parse(text) as {
    client_msg_id: unknown;
    content: unknown;
    reply_to: Record<string, unknown> | null;
  };
  const { text: _text, ...reply } = rest.reply_to ?? {};
  // The fields stay in the API's order.
  return new RawJson(JSON.stringify({ ...rest, reply_to: rest.reply_to === null ? null : reply }));
}

/** @param state the topic's state after the event's transaction, JSON */
function topicOf(row: TopicRow, state: string | null, content: WebhookContent): Record<string, unknown> {
  const then = state === null ? {} : (JSON.parse(state) as Partial<TopicRow>);
  const topic = topicView({ ...row, ...then });
  if (content === 'full') return topic;
  const { description: _description, name: _name, ...rest } = topic;
  return rest;
}

/** An event as the platform's operators see it. */
export function eventView(row: WebhookEventRow) {
  return {
    id: row.id,
    type: row.type,
    session_id: row.session_id,
    sequence: row.sequence,
    state: row.state,
    attempts: row.attempts,
    last_error: row.last_error,
    create_time: toIso(row.create_time),
    // One that waits for its turn has been due since it was made.
    due_time: toIso(row.due_time ?? row.create_time),
    update_time: toIso(row.update_time),
  };
}
