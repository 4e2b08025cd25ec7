import { notFound } from '../../errors';
import { isParticipant } from '../../model/participants';
import { findSession } from '../../model/sessions';
import { unreadTotal } from '../../model/unread';
import { messageBody, pushTitle } from '../notices/push-text';
import { type Services } from '../services';

/** What a phone would show of a push. */
export interface Pushed {
  title: string;
  body: string;
  /** The user's unread messages over all sessions. */
  badge: number;
}

/**
 * What the phone of a participant would show of a message, if its app were away and Getui were on.
 * @throws AppError `not_found` when the user is no participant, or there is nothing to tell
 */
export async function pushed(
  { database }: Pick<Services, 'database'>,
  userId: string,
  { messageId, sessionId }: { sessionId: string; messageId: number },
): Promise<Pushed> {
  const db = database.kysely;
  const session = await findSession(db, sessionId);
  if (session === undefined || !(await isParticipant(db, sessionId, userId))) throw notFound('session');
  const body = await messageBody(db, 'hidden', session, messageId);
  if (body === undefined) throw notFound('message');
  return { title: pushTitle(session.name), body, badge: await unreadTotal(db, userId) };
}
