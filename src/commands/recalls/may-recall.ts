import { type MessageRow } from '../../db/schema';
import { fromSqlTime, type SqlTime } from '../../db/time';
import { conflict, forbidden } from '../../errors';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { type Principal } from '../access/tokens';

/** What the server writes is part of a consultation's record. */
const KEPT_TYPES: ReadonlySet<number> = new Set([
  MESSAGE_TYPE.topicStart,
  MESSAGE_TYPE.topicEnd,
  MESSAGE_TYPE.afterTopic,
  MESSAGE_TYPE.call,
]);

/**
 * Decides whether somebody may take a message back.
 * @param now the database's clock
 * @param recallMs how long a sender may; 0: never
 * @returns false where it was taken back already, which whoever may is told at any time
 * @throws AppError `forbidden` for a user's try at somebody else's; `conflict` for types that stay, and when it is too late
 */
export function mayRecall(
  message: MessageRow,
  principal: Principal,
  now: SqlTime,
  recallMs: number,
): boolean {
  if (principal.kind === 'user' && message.sender_id !== principal.id)
    throw forbidden('A message is taken back by its sender.');
  if (message.content === null) return false;
  if (KEPT_TYPES.has(message.type)) throw conflict('What the server writes stays.');
  const age = fromSqlTime(now) - fromSqlTime(message.timestamp);
  if (principal.kind === 'user' && (recallMs === 0 || age > recallMs))
    throw conflict('It is too late to take this message back.');
  return true;
}
