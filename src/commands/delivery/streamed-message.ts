import { type Queryable } from '../../db/database';
import { messageTable } from '../../model/message-tables';
import { findMessages } from '../../model/messages';
import { findSession } from '../../model/sessions';
import { type UserIds } from '../../push/sockets/sockets';
import { type FileView } from '../../views/file';
import { messageJson } from '../../views/message';
import { type Origin } from './origin';
import { type StreamItem } from './streams';

/** A message on its way to its listeners. */
export interface StreamedMessage extends StreamItem {
  senderId: string;
  /** JSON text */
  message: string;
  /** undefined: not known here yet */
  members: UserIds | undefined;
  origin: Origin | undefined;
  /** Whether those who are connected elsewhere have yet to hear of it. */
  notify: boolean;
}

/** A socket that missed more messages of a session comes again and syncs. */
const MAX_MISSED = 1_000;

/**
 * The session's messages between two ids, oldest first, both ends left out.
 * @throws RangeError when there are too many to push them all
 */
export async function missedMessages(
  db: Queryable,
  sessionId: string,
  after: number,
  before: number,
  files: FileView,
): Promise<StreamedMessage[]> {
  const session = await findSession(db, sessionId);
  if (session === undefined) return [];
  const range = { after, before, limit: MAX_MISSED };
  const { more, quoted, rows } = await findMessages(db, messageTable(session.type), sessionId, range);
  if (more) throw new RangeError('too many messages to push them all');
  return rows.map((row) => ({
    sessionId,
    id: row.id,
    previousId: 0,
    senderId: row.sender_id,
    message: messageJson(row, files, quoted.get(row.reply_to ?? 0)),
    members: undefined,
    origin: undefined,
    notify: false,
  }));
}
