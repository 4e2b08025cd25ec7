import { type Services } from '../../commands/services';
import { notFound } from '../../errors';
import { messageTable } from '../../model/message-tables';
import { findWithQuoted } from '../../model/messages';
import { findSession } from '../../model/sessions';
import { type Connection } from '../../push/sockets/connection';
import { messageJson } from '../../views/message';

/**
 * Sends what `read` reads of a session; it is read again where the socket was told of a recall meanwhile, so that it is not
 * shown what it knows to be taken back.
 */
export async function readAsTold<T>(
  connection: Connection,
  sessionId: string,
  read: () => Promise<T>,
  send: (found: T) => void | Promise<void>,
): Promise<void> {
  for (;;) {
    const told = connection.lastRecallId(sessionId);
    const found = await read();
    // Nothing comes between this look and the sending.
    if (connection.lastRecallId(sessionId) === told) return send(found);
  }
}

/** A message as it is now, its wire form, JSON text. @throws AppError `not_found` */
export async function messageNow(
  { database, fileLinks }: Pick<Services, 'database' | 'fileLinks'>,
  sessionId: string,
  id: number,
): Promise<string> {
  const db = database.kysely;
  const session = await findSession(db, sessionId);
  const found = session && (await findWithQuoted(db, messageTable(session.type), sessionId, id));
  if (found === undefined) throw notFound('message');
  return messageJson(found.row, fileLinks, found.quoted);
}
