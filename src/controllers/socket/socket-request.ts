import { type z } from 'zod';
import { type Services } from '../../commands/services';
import { type UserPrincipal } from '../../commands/access/tokens';
import { invalid } from '../../errors';
import { type Answer } from '../../push/sockets/answer';
import { type Connection } from '../../push/sockets/connection';
import { check, faultsOf } from '../input';

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

/**
 * What a request about a session holds, and the session: the one that it names, or the one that the socket is bound to.
 * @throws AppError `validation_failed` that lists every fault
 */
export function parseAbout<Schema extends z.ZodType<{ session_id?: string | undefined }>>(
  schema: Schema,
  { connection, data }: Pick<SocketRequest, 'connection' | 'data'>,
): { input: z.output<Schema>; target: string } {
  const checked = check(schema, data);
  const faults = checked.success ? [] : faultsOf(checked.error.issues);
  if (data.session_id === undefined && connection.sessionId === null)
    faults.push({ path: 'session_id', message: 'required on a socket that is bound to no session' });
  const target = checked.data?.session_id ?? connection.sessionId;
  if (!checked.success || target === null) throw invalid(faults);
  return { input: checked.data, target };
}
