import { type Transaction } from 'kysely';
import { NOTICE_CHANNELS, type NoticeChannel, type RecallRow, type Schema } from '../../db/schema';
import { runIn } from '../../db/statement';
import { notFound } from '../../errors';
import { Events } from '../../model/written-events';
import { lockSession } from '../../model/appending/locked-session';
import { filesOfRecalled } from '../../model/files';
import { messageTable } from '../../model/message-tables';
import { findWithQuoted } from '../../model/messages';
import { skipNotices, storeRecall } from '../../model/recalls';
import { revivePushes } from '../../model/revived-pushes';
import { SYSTEM_USER } from '../../model/values/identifiers';
import { messageJson } from '../../views/message';
import { namedUser } from '../access/access';
import { type Principal } from '../access/tokens';
import { type RecallAsker, recallFrame } from '../delivery/recalls';
import { type Services } from '../services';
import { mayRecall } from './may-recall';

export interface RecallInput {
  sessionId: string;
  messageId: number;
  /** For whom the backend asks; it may name nobody. */
  userId?: string | undefined;
  /** The socket that asks. */
  asker?: RecallAsker | undefined;
}

/** What a recall's transaction came to. */
interface Outcome {
  /** the message as it is now, its wire form, JSON text */
  message: string;
  /** undefined: it was taken back before, and nobody is told */
  made: { recall: RecallRow; lastMessageId: number; skipped: Map<NoticeChannel, number> } | undefined;
}

type Parts = Pick<
  Services,
  'config' | 'database' | 'deliver' | 'fileLinks' | 'metrics' | 'pushRecalls' | 'wantedEvents'
>;

/**
 * Takes a message back, for REST and sockets alike. Doing it again changes nothing.
 * @returns the message's wire form, JSON text, and whether it was taken back just now: then a socket that asks is answered
 * in the recall's place
 * @throws AppError `not_found`, and what `mayRecall` throws
 */
export async function recallMessage(
  parts: Parts,
  principal: Principal,
  input: RecallInput,
): Promise<{ message: string; isNew: boolean }> {
  const { database, deliver, metrics, pushRecalls } = parts;
  const { messageId, sessionId } = input;
  const userId = namedUser(principal, input.userId);
  return deliver.recalls.store(sessionId, async () => {
    const { made, message } = await database.transaction((trx) =>
      storeIn(trx, parts, principal, { ...input, userId }),
    );
    if (made === undefined) return { message, isNew: false };
    const { lastMessageId, recall, skipped } = made;
    for (const [channel, count] of skipped) metrics.notices.inc({ channel, state: 'skipped' }, count);
    const event = { sessionId, id: recall.id, messageId, lastMessageId, message, frame: recallFrame(recall) };
    deliver.recalled(event, input.asker);
    pushRecalls.recalled(sessionId, messageId);
    return { message, isNew: true };
  });
}

/** All that a recall changes, in one transaction that holds its session. */
async function storeIn(
  trx: Transaction<Schema>,
  { config, database: { dialect }, fileLinks, wantedEvents }: Parts,
  principal: Principal,
  { messageId, sessionId, userId }: RecallInput,
): Promise<Outcome> {
  const run = runIn(trx, dialect);
  const session = await lockSession(run, dialect, sessionId);
  if (session === undefined || (userId !== undefined && !session.members.has(userId)))
    throw notFound('session');
  const found = await findWithQuoted(trx, messageTable(session.row.type), sessionId, messageId);
  if (found === undefined) throw notFound('message');
  const { quoted, row } = found;
  if (!mayRecall(row, principal, session.now, config.recallMs))
    return { message: messageJson(row, fileLinks, quoted), made: undefined };

  const lastMessageId = session.row.last_message_id;
  const { message, recall } = await storeRecall(trx, session, row, userId ?? SYSTEM_USER.id);
  await revivePushes(trx, session, messageId);
  const skipped = new Map<NoticeChannel, number>();
  for (const channel of NOTICE_CHANNELS)
    skipped.set(channel, await skipNotices(trx, session, messageId, channel));
  await filesOfRecalled(run, dialect, sessionId, messageId);
  const events = new Events(wantedEvents);
  events.add(session, 'message.recalled', { message: messageId });
  await events.store(run);
  return {
    message: messageJson(message, fileLinks, quoted),
    made: { recall, lastMessageId, skipped },
  };
}
