import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, log } from '../../logger';
import { LABELS } from '../../metrics';
import { waitingNotices } from '../../model/notices';
import { countWaiting } from '../../model/topics';
import { type Services } from '../services';

/** The metrics are read while the database is away, too. */
const COUNT_LIMIT_MS = 2_000;

/** Brings the gauges up to date that count rows. Without an answer of the database they are not a number. */
export async function countForMetrics({ database, metrics }: Pick<Services, 'database' | 'metrics'>) {
  const db = database.kysely;
  const late = sleep(COUNT_LIMIT_MS, undefined, { ref: false });
  try {
    const counts = await Promise.race([Promise.all([countWaiting(db), waitingNotices(db)]), late]);
    metrics.topicsWaiting.set(counts?.[0] ?? NaN);
    const waiting = counts?.[1];
    for (const channel of LABELS.channel)
      metrics.noticesWaiting.set({ channel }, waiting === undefined ? NaN : (waiting.get(channel) ?? 0));
  } catch (error) {
    metrics.topicsWaiting.set(NaN);
    for (const channel of LABELS.channel) metrics.noticesWaiting.set({ channel }, NaN);
    if (!database.outage.explains(error))
      log.warn(`what waits could not be counted: ${describeError(error)}`);
  }
}
