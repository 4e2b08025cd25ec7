import { type MessageRow } from '../db/schema';
import { type Appended, type WrittenNotices } from '../model/append';
import { type Member } from '../model/member';
import { type MessageInput } from '../model/message-content';

/** One message that somebody wants stored. */
export interface Send {
  sessionId: string;
  /** null: the platform itself */
  senderId: string | null;
  /** Whether the platform's backend asks: it learns what exists, a user does not. */
  byBackend: boolean;
  message: MessageInput;
  clientMsgId: string | null;
  /** Where the answer goes that is part of the session's order: a socket's `message_ok`. */
  origin?: unknown;
}

export interface Sent {
  row: MessageRow;
  /** its wire form, JSON text */
  json: string;
  /** false: a repeat of an earlier send, whose message this is */
  created: boolean;
}

/** A message that was committed just now, for whoever delivers it. */
export interface Committed extends Appended {
  json: string;
  sessionType: number;
  members: ReadonlyMap<string, Member>;
  membersVersion: number;
  origin: unknown;
}

export interface CommitOutcome {
  committed: readonly Committed[];
  /** Sent again, and stored before: whoever stored them may have died before it told anybody. */
  repeated: readonly MessageRow[];
  /** Topics that got their first reply. */
  repliedTopics: readonly string[];
  notices: WrittenNotices;
}
