import { forbidden, invalidField, notFound } from '../../errors';
import { type LockedSession } from '../../model/appending/locked-session';
import { SESSION_TYPE } from '../../model/message-tables';
import { MESSAGE_TYPE } from '../../model/values/message-content';

export interface Sender {
  /** null: the platform itself */
  id: string | null;
  /** Whether the platform's backend asks in its name. */
  byBackend: boolean;
}

/**
 * Decides whether somebody may write a message of that type in a session: for sends, topics and calls alike.
 * @param path where in the request the sender is named
 * @throws AppError `not_found` for a user who takes no part; `validation_failed` at `path` where the backend names such a
 * user, or nobody where somebody has to be named; `forbidden` for what the platform alone may write
 */
export function mayWrite(
  { members, row }: Pick<LockedSession, 'members' | 'row'>,
  sender: Sender,
  type: number,
  path = 'sender_id',
): void {
  const isSystemSession = row.type === SESSION_TYPE.system;
  if (sender.id !== null && !members.has(sender.id)) {
    if (!sender.byBackend) throw notFound('session');
    throw invalidField(path, 'no participant of the session');
  }
  if (!sender.byBackend && (isSystemSession || type === MESSAGE_TYPE.system))
    throw forbidden('System messages come from the platform alone.');
  // A topic may be started by the platform.
  const mayBeNobody = isSystemSession || type === MESSAGE_TYPE.system || type === MESSAGE_TYPE.topicStart;
  if (sender.id === null && !mayBeNobody) throw invalidField(path, 'required');
}
