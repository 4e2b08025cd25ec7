import { type ColumnType, type Generated, type Selectable } from 'kysely';
import { type DeviceTable, type NoticeTable, type WebhookEventTable } from './outbox-tables';
import { type SqlTime } from './time';

export {
  NOTICE_CHANNELS,
  type NoticeChannel,
  NOTICE_STATES,
  type NoticeState,
  EVENT_STATES,
  type EventState,
} from './outbox-tables';

/** A column that has a default in the database. */
type Defaulted<T> = Generated<T>;

interface ProfileTable {
  id: string;
  name: string;
  sex: Defaulted<number>;
  birthdate: Defaulted<string | null>;
  avatar: Defaulted<string | null>;
  openid: Defaulted<string | null>;
}

/** What the server itself knows of a user, whoever owns the profile. */
interface UserStateTable {
  user_id: string;
  type: 'doctor' | 'patient';
  in_background: Defaulted<number>;
  platform: Defaulted<string | null>;
  client_id: Defaulted<string | null>;
  last_active_time: Defaulted<SqlTime | null>;
  /** The latest consultation message in sessions that the user has left since. */
  left_consult_time: Defaulted<SqlTime | null>;
  /** Tokens of an older generation are revoked. */
  token_generation: Defaulted<number>;
}

interface RevokedTokenTable {
  id: string;
  expires_time: SqlTime;
}

interface SessionTable {
  id: string;
  type: number;
  name: string;
  business_type: number;
  status: Defaulted<number>;
  create_date: SqlTime;
  /** The two ids of a p2p session, sorted and joined; unique, so that a pair has one session. */
  pair: Defaulted<string | null>;
  last_message_id: Defaulted<number>;
  last_sender_id: Defaulted<string | null>;
  last_sender_name: Defaulted<string | null>;
  last_content_type: Defaulted<number | null>;
  last_content: Defaulted<string | null>;
  last_message_time: Defaulted<SqlTime | null>;
  /** When the latest message came that is not by `last_sender_id`: tells whether a sender has unread messages. */
  other_message_time: Defaulted<SqlTime | null>;
  /** The latest time given out in this session, to a message or a joining member; the next message is later. */
  clock_time: SqlTime;
  /** Counts changes of the participants: a cached list of another version is stale. */
  members_version: Defaulted<number>;
  /** The open topic that no doctor has replied to yet. */
  unreplied_topic_id: Defaulted<string | null>;
  /** The id of the session's latest recall: they count from 1, in commit order, and none is used again. */
  last_recall_id: Defaulted<number>;
  /** The sequence of the last event that was written of this session. */
  event_sequence: Defaulted<number>;
}

interface ParticipantTable {
  session_id: string;
  participant_id: string;
  type: 'doctor' | 'patient';
  role: Defaulted<number>;
  /** Up to when the participant has read. It never goes back. */
  last_fetch_time: SqlTime;
  /** When the participant last sent a message here. */
  last_sent_time: Defaulted<SqlTime | null>;
  sticky: Defaulted<number>;
}

interface MessageTable {
  id: ColumnType<number, number | undefined, never>;
  session_id: string;
  sender_id: string;
  sender_name: string;
  type: number;
  /** JSON text: a string stays a string and an object an object, byte for byte. null: it was taken back. */
  content: string | null;
  timestamp: SqlTime;
  client_msg_id: string | null;
  /** A digest of session, sender and client_msg_id, unique; see `clientKey`. */
  client_key: string | null;
  /** Who took it back, and when. */
  recalled_by: Defaulted<string | null>;
  recalled_time: Defaulted<SqlTime | null>;
  /** The message that it quotes, in the same session, and what stays of that one when it is taken back or deleted. */
  reply_to: Defaulted<number | null>;
  reply_sender_id: Defaulted<string | null>;
  reply_sender_name: Defaulted<string | null>;
  reply_type: Defaulted<number | null>;
}

/** A message was taken back; `id` counts from 1 in each session. */
interface RecallTable {
  session_id: string;
  id: number;
  message_id: number;
  recalled_by: string;
  recalled_time: SqlTime;
}

/** What a message held that was taken back, kept for the record. Nothing but the operator's export reads it. */
interface RecalledMessageTable {
  session_id: string;
  message_id: number;
  /** JSON text */
  content: string;
}

interface TopicTable {
  id: string;
  session_id: string;
  name: string;
  description: Defaulted<string | null>;
  type: Defaulted<number>;
  /** 0 open, 10 ended */
  status: Defaulted<number>;
  reply: Defaulted<number>;
  /** When `reply` became 1: the time of that message, or of the change by hand. null: no reply, or nobody knows when. */
  reply_time: Defaulted<SqlTime | null>;
  create_time: SqlTime;
  start_message_id: number;
  end_message_id: Defaulted<number | null>;
  end_time: Defaulted<SqlTime | null>;
  end_by: Defaulted<string | null>;
  end_by_name: Defaulted<string | null>;
  /** The session while the topic is open, else null; unique, so that a session has one open topic. */
  open_session_id: string | null;
  /** When it was found to have waited too long for its first reply: that is told once. */
  overdue_time: Defaulted<SqlTime | null>;
}

interface CallTable {
  id: string;
  session_id: string;
  /** The session while the call rings or runs, else null; unique, so that a session has one call. */
  open_session_id: string | null;
  caller_id: string;
  caller_name: string;
  callee_id: Defaulted<string | null>;
  media: string;
  state: 'ringing' | 'active' | 'ended';
  /** JSON, the ids of the callees who said no */
  rejected_by: string;
  create_time: SqlTime;
  accept_time: Defaulted<SqlTime | null>;
  end_time: Defaulted<SqlTime | null>;
  result: Defaulted<string | null>;
  ring_until: SqlTime;
  /** The caller's socket, and until when the process that holds it answers for it: moved on while it is open. */
  caller_socket: string;
  caller_until: SqlTime;
  callee_socket: Defaulted<string | null>;
  callee_until: Defaulted<SqlTime | null>;
}

/** The callees whom a ringing call has reached: a socket of theirs got the invite. Gone with the call's end. */
interface CallRingTable {
  call_id: string;
  user_id: string;
}

/** Facts that all processes share and that survive a restart, such as WeChat's pause. */
interface ServerStateTable {
  name: string;
  value: string;
}

export type FileState = 'kept' | 'gone' | 'deleting';

interface FileTable {
  /** Says, beside being unique, what every message shows of it: see `newFileId`. */
  id: string;
  user_id: string;
  name: string;
  mime: string;
  size: number;
  width: number | null;
  height: number | null;
  /** Seconds */
  duration: number | null;
  thumbnail_mime: string | null;
  thumbnail_size: number | null;
  create_time: SqlTime;
  /** Since when no message names it; null while one does. After a time it is deleted. */
  unnamed_since: SqlTime | null;
  /** `gone`: all its messages were taken back, and nobody gets it any more; `deleting`: its objects are being removed. */
  state: Defaulted<FileState>;
}

/** Which messages name a file, also those that were taken back. */
interface MessageFileTable {
  file_id: string;
  session_id: string;
  message_id: number;
  /** 1: the message was taken back */
  recalled: Defaulted<number>;
}

export interface Schema {
  doctors: ProfileTable;
  patients: ProfileTable;
  user_states: UserStateTable;
  revoked_tokens: RevokedTokenTable;
  sessions: SessionTable;
  participants: ParticipantTable;
  system_messages: MessageTable;
  muc_messages: MessageTable;
  p2p_messages: MessageTable;
  group_messages: MessageTable;
  topics: TopicTable;
  notices: NoticeTable;
  webhook_events: WebhookEventTable;
  server_state: ServerStateTable;
  calls: CallTable;
  devices: DeviceTable;
  files: FileTable;
  message_files: MessageFileTable;
  recalls: RecallTable;
  recalled_messages: RecalledMessageTable;
  call_rings: CallRingTable;
}

export type ProfileRow = Selectable<ProfileTable>;
export type UserStateRow = Selectable<UserStateTable>;
export type SessionRow = Selectable<SessionTable>;
export type ParticipantRow = Selectable<ParticipantTable>;
export type MessageRow = Selectable<MessageTable>;
export type RecallRow = Selectable<RecallTable>;
export type TopicRow = Selectable<TopicTable>;
export type CallRow = Selectable<CallTable>;
export type NoticeRow = Selectable<NoticeTable>;
export type DeviceRow = Selectable<DeviceTable>;
export type FileRow = Selectable<FileTable>;
export type WebhookEventRow = Selectable<WebhookEventTable>;
export type MessageTableName = 'system_messages' | 'muc_messages' | 'p2p_messages' | 'group_messages';
