import { type NoticeRow } from '../db/schema';
import { type Run } from '../db/statement';
import { Events, type WantedEvents } from './written-events';
import { type LockedSession } from './appending/locked-session';

/**
 * The platform hears of notices that failed, in their transaction.
 * @param session theirs, locked before the notices were; undefined: it is gone, and nobody is told
 */
export async function tellFailed(
  run: Run,
  wanted: WantedEvents,
  session: LockedSession | undefined,
  notices: readonly NoticeRow[],
  error: string | null,
): Promise<void> {
  if (session === undefined) return;
  const events = new Events(wanted);
  for (const { channel, message_id, user_id } of notices)
    events.add(session, 'notice.failed', { details: { user_id, message_id, channel, error } });
  await events.store(run);
}
