import { type Dialect } from '../db/dialect';
import { type Run, statement } from '../db/statement';
import { type MessageRow } from '../db/schema';
import { messageTable } from './message-tables';
import { type Forward } from './values/message-content';

/**
 * The message that a forward names, if the sender may read it. It can't be taken back before the commit: its session may be
 * another one, which is not locked, and a copy would be stored of what was gone by then.
 * @param senderId the reader; null: the platform, which may read everything
 */
export async function findForwarded(
  run: Run,
  dialect: Dialect,
  forward: Forward,
  senderId: string | null,
): Promise<MessageRow | undefined> {
  const [sessions, participants] = await run([
    statement('select type from sessions where id = ?', [forward.session_id]),
    statement('select 1 from participants where session_id = ? and participant_id = ?', [
      forward.session_id,
      senderId ?? '',
    ]),
  ]);
  const type = sessions?.rows[0]?.type;
  if (type === undefined) return undefined;
  if (senderId !== null && participants?.rows.length === 0) return undefined;
  const [messages] = await run([
    statement(
      `select * from ${messageTable(Number(type))} where id = ? and session_id = ?${dialect.forShare}`,
      [forward.message_id, forward.session_id],
    ),
  ]);
  const message = messages?.rows[0] as MessageRow | undefined;
  // What was taken back can be read by nobody.
  return message?.content === null ? undefined : message;
}
