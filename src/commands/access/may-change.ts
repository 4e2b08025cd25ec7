import { forbidden, notFound } from '../../errors';
import { type LockedSession } from '../../model/appending/locked-session';
import { SESSION_TYPE } from '../../model/message-tables';
import { type Principal } from './tokens';

/** Decides whether somebody may make sessions. @throws AppError `forbidden` for patients */
export function mayMakeSessions(principal: Principal): void {
  if (principal.kind === 'user' && principal.type === 'patient')
    throw forbidden('A patient makes no sessions.');
}

/**
 * Decides whether somebody may change who takes part in a session, and in which role.
 * @throws AppError `not_found` for a user who takes no part; `forbidden` for patients, and in system sessions for all users
 */
export function mayChangeMembers(
  principal: Principal,
  { members, row }: Pick<LockedSession, 'members' | 'row'>,
): void {
  if (principal.kind === 'backend') return;
  if (!members.has(principal.id)) throw notFound('session');
  if (principal.type === 'patient') throw forbidden('A patient changes no participants.');
  if (row.type === SESSION_TYPE.system)
    throw forbidden('Only the platform changes the participants of a system session.');
}
