import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, log } from '../../logger';
import { countWaiting } from '../../model/topics';
import { type Services } from '../services';

/** The metrics are read while the database is away, too. */
const COUNT_LIMIT_MS = 2_000;

/** Brings the gauges up to date that count rows. Without an answer of the database they are not a number. */
export async function countForMetrics({ database, metrics }: Pick<Services, 'database' | 'metrics'>) {
  const late = sleep(COUNT_LIMIT_MS, NaN, { ref: false });
  try {
    metrics.topicsWaiting.set(await Promise.race([countWaiting(database.kysely), late]));
  } catch (error) {
    metrics.topicsWaiting.set(NaN);
    log.warn(`the topics that wait could not be counted: ${describeError(error)}`);
  }
}
