import { type NoticeRow } from '../../db/schema';
import { conflict, notFound } from '../../errors';
import { findNotice, reviveNotice } from '../../model/notices';
import { type Services } from '../services';

/**
 * Sends a notice anew that had failed for good.
 * @throws AppError `not_found`; `conflict` for one in any other state
 */
export async function resendNotice(
  { database, notices }: Pick<Services, 'database' | 'notices'>,
  id: number,
): Promise<NoticeRow> {
  const isRevived = await reviveNotice(database, id);
  const notice = await findNotice(database.kysely, id);
  if (notice === undefined) throw notFound('notice');
  if (!isRevived) throw conflict(`The notice is ${notice.state}, not failed.`);
  notices.poke();
  return notice;
}
