import { conflict, notFound } from '../../errors';
import { runIn } from '../../db/statement';
import { Events } from '../../model/written-events';
import { lockSession } from '../../model/appending/locked-session';
import { SESSION_TYPE } from '../../model/message-tables';
import { isParticipant, participantsOf, ROLE } from '../../model/participants';
import { findUser, type User } from '../../model/users';
import { noticeSessionId } from '../../model/values/identifiers';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { announceMembers } from '../delivery/announce-stored';
import { type Sent } from '../sending/send';
import { sendMessage } from '../sending/send-message';
import { type Services } from '../services';
import { applyMembersChange } from './participants';
import { insertSession } from './sessions';

export interface UserNotice {
  title?: string | undefined;
  content: unknown;
  /** `content` as JSON text, as the platform wrote it. */
  source: string;
  clientMsgId?: string | undefined;
}

const SESSION_NAME = '系统通知';

type Parts = Pick<Services, 'database' | 'deliver' | 'metrics' | 'rate' | 'wantedEvents' | 'writer'>;

/**
 * What the platform tells one user, without knowing a session: a message in the user's own session for notices, which is
 * made where it does not exist. A user who was removed from it is added again.
 * @throws AppError `not_found` for an unknown user, and what `sendMessage` throws
 */
export async function notifyUser(parts: Parts, userId: string, notice: UserNotice): Promise<Sent> {
  const db = parts.database.kysely;
  const user = await findUser(db, userId);
  if (user === undefined) throw notFound('user');
  const sessionId = noticeSessionId(userId);
  if (!(await isParticipant(db, sessionId, userId))) await letInAtLast(parts, sessionId, user);
  const { clientMsgId, content, source, title } = notice;
  const heading = title === undefined ? '' : `"title":${JSON.stringify(title)},`;
  return sendMessage(
    parts,
    { kind: 'backend' },
    {
      sessionId,
      message: { type: MESSAGE_TYPE.system, content: title === undefined ? { content } : { title, content } },
      source: () => `{${heading}"content":${source}}`,
      clientMsgId,
    },
  );
}

/** Two at once make one session: who comes second finds it there. */
async function letInAtLast(parts: Parts, sessionId: string, user: User): Promise<void> {
  try {
    await letIn(parts, sessionId, user);
  } catch (error) {
    if (!parts.database.dialect.isUniqueViolation(error)) throw error;
    await letIn(parts, sessionId, user);
  }
}

/** Makes the user a participant of the session, and the session where there is none. */
async function letIn(
  { database, deliver, wantedEvents }: Parts,
  sessionId: string,
  user: User,
): Promise<void> {
  const { dialect } = database;
  const member = { id: user.id, type: user.type, role: ROLE.member };
  const change = await database.transaction(async (trx) => {
    const run = runIn(trx, dialect);
    const events = new Events(wantedEvents);
    const session = await lockSession(run, dialect, sessionId);
    if (session === undefined) {
      const input = { id: sessionId, type: SESSION_TYPE.system, name: SESSION_NAME };
      await insertSession(trx, dialect, input, [member]);
    } else {
      // Somebody may have made it before its id was reserved.
      if (session.row.type !== SESSION_TYPE.system)
        throw conflict(`The session ${sessionId} is not one for notices.`);
      await applyMembersChange(trx, dialect, session, [member], [], events);
      await events.store(run);
    }
    const participants = await participantsOf(trx, sessionId);
    return { participants, lastMessageId: session?.row.last_message_id ?? 0 };
  });
  announceMembers(deliver, { sessionId, added: [member], removed: [], ...change });
}
