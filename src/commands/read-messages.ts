import { type SessionRow } from '../db/schema';
import { type SqlTime } from '../db/time';
import { markRead } from '../model/unread';
import { type Connection } from '../push/sockets';
import { frame } from '../views/frames';
import { type Services } from './services';

/**
 * Everything in the session up to this message was seen by the user: its read position moves on (never back), its
 * notices are settled, and the others (also the user's other devices) hear of it if anything moved.
 * @param reader the socket that says so; it alone is not told
 */
export async function readUpTo(
  services: Services,
  session: Pick<SessionRow, 'id' | 'last_sender_id' | 'sender_fetch_time'>,
  userId: string,
  message: { id: number; timestamp: SqlTime },
  reader?: Connection,
): Promise<void> {
  services.arrivals.arrived(session.id, userId, message.id);
  const moved = await markRead(services.database.kysely, session, userId, message.timestamp);
  if (!moved) return;
  services.cache.readUpTo(session.id, userId, message.timestamp);
  services.deliver.sessionEvent(
    session.id,
    frame('read', { session_id: session.id, user_id: userId, message_id: message.id }),
    { socket: reader?.id },
  );
}
