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
