import { type Generated } from 'kysely';
import { type EventType } from '../resources/config/webhook';
import { type SqlTime } from './time';

// Tables of what goes out to people who are away, and to the platform.

export const NOTICE_CHANNELS = ['wechat', 'getui'] as const;
export type NoticeChannel = (typeof NOTICE_CHANNELS)[number];
export const NOTICE_STATES = ['pending', 'delivered', 'sent', 'skipped', 'failed'] as const;
export type NoticeState = (typeof NOTICE_STATES)[number];

export interface NoticeTable {
  id: Generated<number>;
  channel: string;
  session_id: string;
  /** null: the notice of a call's invitation */
  message_id: number | null;
  call_id: Generated<string | null>;
  user_id: string;
  /** The device that a push goes to; null for WeChat. */
  client_id: Generated<string | null>;
  state: NoticeState;
  attempts: Generated<number>;
  last_error: Generated<string | null>;
  create_time: SqlTime;
  update_time: SqlTime;
  /** Not before this time is it sent; for a claimed one, the end of the claim. */
  due_time: SqlTime;
  /** The worker that is sending it now. */
  claimed_by: Generated<string | null>;
  /** The first failure of the present row of retries. */
  retry_since: Generated<SqlTime | null>;
  /** The name of a push at Getui, the same over all tries. */
  request_id: Generated<string | null>;
  /** What Getui calls a push that it took; taking back the push needs it. */
  task_id: Generated<string | null>;
  /** When it was last sent anew, after it had failed. */
  resend_time: Generated<SqlTime | null>;
  /** When WeChat takes over from a push that nobody took; null: it does not. */
  fallback_time: Generated<SqlTime | null>;
}

/** A phone's app, which pushes go to. */
export interface DeviceTable {
  client_id: string;
  /** Who named it last. */
  user_id: string;
  platform: 'ios' | 'android';
  in_background: number;
  /** `retired`: the push service knows it no longer. */
  state: 'active' | 'retired';
  /** The token that named it last; null: the backend did. */
  token_id: string | null;
  update_time: SqlTime;
}

export const EVENT_STATES = ['pending', 'sent', 'failed'] as const;
export type EventState = (typeof EVENT_STATES)[number];

/** What the platform's webhook hears. It holds no content: a body is made when it is sent. */
export interface WebhookEventTable {
  /** Rises with time, and in a session with the sequence. */
  id: string;
  type: EventType;
  session_id: string;
  /** Counts from 1 in each session, without gaps. */
  sequence: number;
  state: Generated<EventState>;
  /** Orders a session's events before the sequence: see `model/webhook-events.ts`. */
  turn: Generated<number>;
  attempts: Generated<number>;
  last_error: Generated<string | null>;
  create_time: SqlTime;
  update_time: SqlTime;
  /** Not before this time is it sent; for a claimed one, the end of the claim. null: it waits until others of its session are through. */
  due_time: SqlTime | null;
  /** The worker that is sending it now. */
  claimed_by: Generated<string | null>;
  message_id: number | null;
  topic_id: string | null;
  /** JSON: the topic's state after the event's transaction, or what else the event tells. */
  details: string | null;
}
