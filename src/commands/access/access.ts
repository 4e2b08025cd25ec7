import { type Queryable } from '../../db/database';
import { type SessionRow, type TopicRow } from '../../db/schema';
import { forbidden, invalidField, notFound } from '../../errors';
import { isParticipant } from '../../model/participants';
import { findSession, findSessionOf } from '../../model/sessions';
import { findTopic } from '../../model/topics';
import { findUser, shareSession, type User } from '../../model/users';
import { type Principal } from './tokens';

/** Who may do what: section "Who may do what" of the contract, in one place. */

export const USER_REQUIRED = 'required: the user for whom the platform asks';

/**
 * The user that a request is for: a user itself, or the one whom the backend names.
 * @throws AppError `forbidden` when a user names another; `validation_failed` when the backend names none
 */
export function actingUser(principal: Principal, given: string | undefined, field = 'user_id'): string {
  const id = namedUser(principal, given);
  if (id === undefined) throw invalidField(field, USER_REQUIRED);
  return id;
}

/** The same, where the backend may name nobody. */
export function namedUser(principal: Principal, given: string | undefined): string | undefined {
  if (principal.kind === 'backend') return given;
  if (given !== undefined && given !== principal.id) throw forbidden('A user acts for nobody but itself.');
  return principal.id;
}

/** @throws AppError `not_found` when the backend names a user who does not exist */
export async function requireUser(db: Queryable, principal: Principal, id: string): Promise<void> {
  if (principal.kind === 'user') return;
  if ((await findUser(db, id)) === undefined) throw notFound('user');
}

/**
 * The user `id`, if it is the one who asks, shares a session with that one, or if the backend asks.
 * @throws AppError `not_found`
 */
export async function visibleUser(db: Queryable, principal: Principal, id: string): Promise<User> {
  const user = await findUser(db, id);
  if (user === undefined) throw notFound('user');
  if (principal.kind === 'user' && principal.id !== id && !(await shareSession(db, principal.id, id))) {
    throw notFound('user');
  }
  return user;
}

/**
 * The session, if the user who asks takes part in it (and the one whom the backend names).
 * @throws AppError `not_found`
 */
export async function visibleSession(
  db: Queryable,
  principal: Principal,
  id: string,
  named?: string,
): Promise<SessionRow> {
  const userId = principal.kind === 'user' ? principal.id : named;
  const session = userId === undefined ? await findSession(db, id) : await findSessionOf(db, id, userId);
  if (session === undefined) throw notFound('session');
  return session;
}

/** The topic, if the user who asks takes part in its session. @throws AppError `not_found` */
export async function visibleTopic(db: Queryable, principal: Principal, id: string): Promise<TopicRow> {
  const topic = await findTopic(db, id);
  if (topic === undefined) throw notFound('topic');
  if (principal.kind === 'user' && !(await isParticipant(db, topic.session_id, principal.id))) {
    throw notFound('topic');
  }
  return topic;
}
