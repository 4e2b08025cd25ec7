import { type WebSocket } from 'ws';
import { z } from 'zod';
import { visibleSession } from '../../commands/access/access';
import { type Services } from '../../commands/services';
import { type UserPrincipal } from '../../commands/access/tokens';
import { type SessionRow } from '../../db/schema';
import { type AppError, invalidField, unauthenticated } from '../../errors';
import { deviceOfToken } from '../../model/devices';
import { sessionIdsOf, type SessionPosition, sessionPositions } from '../../model/sessions';
import { unreadCount, unreadTotal } from '../../model/unread';
import { sessionId } from '../../model/values/identifiers';
import { CLOSE } from '../../push/sockets/close-codes';
import { Connection, type Told } from '../../push/sockets/connection';
import { frame } from '../../views/frames';
import { parse } from '../input';
import { userType } from '../rest/schemas';

const loginData = z.object({ session_id: sessionId.nullish(), user_type: userType });

/** How a refused login ends the connection. */
export function closeCodeOf(error: AppError): number {
  switch (error.code) {
    case 'unauthenticated':
      return CLOSE.unauthenticated;
    case 'not_found':
      return CLOSE.notFound;
    case 'validation_failed':
      return CLOSE.badRequest;
    default:
      return CLOSE.tryAgainLater;
  }
}

export interface LoggedIn {
  connection: Connection;
  principal: UserPrincipal;
}

/**
 * Logs a socket in: from `login_ok` on it gets every message above the `last_message_id` that it names.
 * @throws AppError `unauthenticated`, `not_found`, `validation_failed`, after which the connection is closed
 */
export async function loginSocket(
  services: Services,
  ws: WebSocket,
  data: Record<string, unknown>,
  ref: string | undefined,
): Promise<LoggedIn> {
  const { deliver, sockets, tokens } = services;
  if (typeof data.token !== 'string') throw unauthenticated('token: required');
  const principal = await tokens.verify(data.token);
  const input = parse(loginData, data);
  if (input.user_type !== principal.type) throw invalidField('user_type', `this user is a ${principal.type}`);
  const target = input.session_id ?? null;
  if (target === null && principal.type === 'patient') {
    throw invalidField('session_id', 'required for a patient');
  }
  if (target !== null) await visibleSession(services.database.kysely, principal, target);

  const connection = new Connection(
    ws,
    {
      id: principal.id,
      type: principal.type,
      tokenId: principal.tokenId,
      tokenGeneration: principal.tokenGeneration,
      tokenExpiresAt: principal.expiresAt,
    },
    target,
  );
  // Registered first, and its sessions' streams run before their positions are read: what is committed from now on is
  // held back for it, in order, whatever the reads below see.
  sockets.add(connection);
  try {
    if (services.noticePlan.usesDevices) await noteBackground(services, principal);
    await open(services, connection, principal, data.token, target, ref);
  } catch (error) {
    sockets.remove(connection);
    deliver.listeners.closeStreams(connection);
    throw error;
  }
  services.activity.touch(principal);
  await services.calls.ringFor(connection);
  return { connection, principal };
}

async function open(
  services: Services,
  connection: Connection,
  principal: UserPrincipal,
  token: string,
  target: string | null,
  ref: string | undefined,
): Promise<void> {
  const { config, database, deliver, sockets } = services;
  const db = database.kysely;
  const common = { user_id: principal.id, session_id: target };
  const heartbeat = { heartbeat_interval_ms: config.heartbeatMs };
  if (target === null) {
    const sessionIds = await sessionIdsOf(db, principal.id);
    for (const id of sessionIds) sockets.watch(connection, id, { messageId: 0, recallId: 0 });
    await deliver.listeners.openStreams(sessionIds);
    const all = await sessionPositions(db, principal.id);
    const positions = all.filter(({ id }) => connection.watches(id));
    const unread = await unreadTotal(db, principal.id);
    await stillValid(services, connection, token);
    connection.open(
      frame(
        'login_ok',
        {
          ...common,
          last_message_id: null,
          last_recall_id: null,
          unread_count: unread,
          ...heartbeat,
          sessions: positions.map(({ id, ...position }) => ({ session_id: id, ...position })),
        },
        ref,
      ),
      positions.map((row) => [row.id, toldOf(row)] as const),
    );
    return;
  }
  await deliver.listeners.openStreams([target]);
  // Read again now that the socket is registered: a member who was removed in between would be missed otherwise.
  const session: SessionRow = await visibleSession(db, principal, target);
  const unread = await unreadCount(db, session, principal.id);
  await stillValid(services, connection, token);
  connection.open(
    frame(
      'login_ok',
      {
        ...common,
        last_message_id: session.last_message_id,
        last_recall_id: session.last_recall_id,
        unread_count: unread,
        ...heartbeat,
      },
      ref,
    ),
    [[target, toldOf(session)]],
  );
}

function toldOf(position: SessionPosition): Told {
  return { messageId: position.last_message_id, recallId: position.last_recall_id };
}

/** A token revoked, or a member removed, while the login was under way took the socket off the register again. */
async function stillValid(services: Services, connection: Connection, token: string): Promise<void> {
  await services.tokens.verify(token);
  if (!services.sockets.all.has(connection)) throw unauthenticated('The login was overtaken.');
}

/** Whether the app that opens the socket has said before that it is in the background. */
async function noteBackground({ database, sockets }: Services, principal: UserPrincipal): Promise<void> {
  const device = await deviceOfToken(database.kysely, principal.tokenId);
  if (device?.in_background === 1) sockets.setBackground(principal.id, principal.tokenId, true);
}
