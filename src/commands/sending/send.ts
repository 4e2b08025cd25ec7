import { type MessageRow } from '../../db/schema';
import { type Appended } from '../../model/appending/append';
import { type LockedSession } from '../../model/appending/locked-session';
import { type ContentSource, type MessageInput } from '../../model/values/message-content';
import { type FileView } from '../../views/file';
import { messageJson } from '../../views/message';
import { type Origin } from '../delivery/origin';

/** A request to store a message. */
export interface Send {
  sessionId: string;
  /** null: the platform itself */
  senderId: string | null;
  /** Whether the platform's backend asks: it learns what exists, a user does not. */
  byBackend: boolean;
  message: MessageInput;
  source?: ContentSource | undefined;
  clientMsgId: string | null;
  /** The id of the message that it quotes. */
  replyTo?: number | undefined;
  /** The socket that sends; it gets its answer in the message's place among the session's messages. */
  origin?: Origin | undefined;
}

/** The answer to a send. */
export interface Sent {
  row: MessageRow;
  /** its wire form, JSON text */
  json: string;
  /** false: a repeat of an earlier send, whose message this is */
  created: boolean;
}

/** A message that was committed just now, for whoever delivers it. */
export interface StoredMessage {
  row: MessageRow;
  /** its wire form, JSON text */
  json: string;
  /** The id of the message before it in its session, 0 for the first. */
  previousId: number;
  session: LockedSession;
  origin?: Origin | undefined;
}

/** What a transaction appended to one session, for whoever delivers it. */
export function storedMessages(
  session: LockedSession,
  appended: readonly Appended[],
  files: FileView,
): StoredMessage[] {
  return appended.map(({ previousId, quoted, row }) => {
    return { row, json: messageJson(row, files, quoted), previousId, session };
  });
}
