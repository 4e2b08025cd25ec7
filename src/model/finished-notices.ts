import { type RawBuilder } from 'kysely';
import { type Queryable } from '../db/database';
import { type NoticeRow, type NoticeState } from '../db/schema';
import { type SqlTime } from '../db/time';
import { cutError, type Finished } from './outbox';

/**
 * Records what a try came to, unless the claim ran out and another worker has the notice. One that was settled while the try was
 * under way (acknowledged, or its message taken back) is not tried again; an acknowledged one does not fail either.
 * @returns the state that the notice has now; undefined: it is not this worker's any more
 */
export async function recordTry(
  db: Queryable,
  worker: string,
  notice: Pick<NoticeRow, 'id' | 'task_id'>,
  finished: Finished,
  now: SqlTime | RawBuilder<SqlTime>,
): Promise<NoticeState | undefined> {
  let update = db
    .updateTable('notices')
    .set({
      // One that has ended was due until now, not until its claim would have run out.
      due_time: now,
      ...finished,
      last_error: cutError(finished.last_error),
      task_id: notice.task_id,
      claimed_by: null,
      update_time: now,
    })
    .where('id', '=', notice.id)
    .where('claimed_by', '=', worker);
  if (finished.state === 'pending') update = update.where('state', '=', 'pending');
  if (finished.state === 'failed') update = update.where('state', '<>', 'delivered');
  if ((await update.executeTakeFirst()).numUpdatedRows > 0n) return finished.state;
  const settled = await db
    .selectFrom('notices')
    .select('state')
    .where('id', '=', notice.id)
    .where('claimed_by', '=', worker)
    .executeTakeFirst();
  return settled?.state;
}
