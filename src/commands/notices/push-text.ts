import { type Queryable } from '../../db/database';
import { type SessionRow } from '../../db/schema';
import { messageTable } from '../../model/message-tables';
import { findMessage } from '../../model/messages';
import { cutTo } from '../../model/values/text';
import { messageText, oneLine } from '../../push/wechat/wechat-fields';

const TITLE_LENGTH = 50;
const BODY_LENGTH = 100;

/** A push's title: the session's name. */
export function pushTitle(sessionName: string): string {
  return cutTo(oneLine(sessionName), TITLE_LENGTH);
}

/** A push's body, one line. `hidden`: it says no more than who has written. */
export function pushBodyText(
  shown: 'hidden' | 'full',
  senderName: string,
  type: number,
  content: unknown,
): string {
  const text = shown === 'hidden' ? '[新消息]' : messageText(type, content);
  return cutTo(oneLine(`${senderName}: ${text}`), BODY_LENGTH);
}

/** What a message's push shows as its body; undefined where there is nothing to tell any more: it was deleted, or taken back. */
export async function messageBody(
  db: Queryable,
  shown: 'hidden' | 'full',
  session: Pick<SessionRow, 'id' | 'type'>,
  messageId: number,
): Promise<string | undefined> {
  const message = await findMessage(db, messageTable(session.type), session.id, messageId);
  if (!message?.content) return undefined;
  const content: unknown = shown === 'full' ? JSON.parse(message.content) : null;
  return pushBodyText(shown, message.sender_name, message.type, content);
}
