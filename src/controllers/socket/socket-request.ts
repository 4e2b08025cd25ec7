import { type Services } from '../../commands/services';
import { type UserPrincipal } from '../../commands/access/tokens';
import { invalidField } from '../../errors';
import { type Answer } from '../../push/sockets/answer';
import { type Connection } from '../../push/sockets/connection';

/** A request on a socket that is logged in. */
export interface SocketRequest {
  services: Services;
  principal: UserPrincipal;
  connection: Connection;
  data: Record<string, unknown>;
  /** Its answer goes out by `answer.claim()`. */
  answer: Answer;
}

/** One frame type. What it throws becomes an `error` frame, and the socket stays. */
export type SocketHandler = (request: SocketRequest) => void | Promise<void>;

/** The session that a request is about: the one it names, or the one that the socket is bound to. */
export function targetSession(connection: Connection, given: string | undefined): string {
  const id = given ?? connection.sessionId;
  if (id === null) throw invalidField('session_id', 'required on a socket that is bound to no session');
  return id;
}
