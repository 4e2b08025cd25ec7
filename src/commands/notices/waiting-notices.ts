import { describeError, log } from '../../logger';
import { LABELS } from '../../metrics';
import { waitingNotices } from '../../model/notices';
import { type Services } from '../services';

/** Counts the notices that are pending, for the metrics. While the database is away the count stays as it was. */
export async function countWaitingNotices({
  database,
  metrics,
}: Pick<Services, 'database' | 'metrics'>): Promise<void> {
  try {
    const counts = await waitingNotices(database.kysely);
    for (const channel of LABELS.channel) metrics.noticesWaiting.set({ channel }, counts.get(channel) ?? 0);
  } catch (error) {
    log.warn(`the notices that wait could not be counted: ${describeError(error)}`);
  }
}
