import { type SqlTime } from '../../db/time';
import { markRead } from '../../model/unread';
import { type Connection } from '../../push/sockets/connection';
import { frame } from '../../views/frames';
import { type Services } from '../services';

/**
 * Everything in the session up to this message was seen by the user: its read position moves on (never back), its
 * notices are settled, and the others (also the user's other devices) get `read` if anything moved.
 * @param reader the socket that says so; it alone is not told
 */
export async function readUpTo(
  {
    acknowledgements,
    badges,
    database,
    deliver,
  }: Pick<Services, 'acknowledgements' | 'badges' | 'database' | 'deliver'>,
  sessionId: string,
  userId: string,
  message: { id: number; timestamp: SqlTime },
  reader?: Connection,
): Promise<void> {
  acknowledgements.add(sessionId, userId, message.id);
  const moved = await markRead(database.kysely, sessionId, userId, message.timestamp);
  if (!moved) return;
  badges.reduced(userId);
  deliver.sessionEvent(
    sessionId,
    frame('read', { session_id: sessionId, user_id: userId, message_id: message.id }),
    { socket: reader?.id },
  );
}
