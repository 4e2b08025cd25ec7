import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, log } from '../../logger';
import { LABELS } from '../../metrics';
import { waitingNotices } from '../../model/notices';
import { countWaiting } from '../../model/topics';
import { type Services } from '../services';

/** The metrics are read while the database is away, too. */
const COUNT_LIMIT_MS = 2_000;

/** Brings the gauges up to date that count rows. Without an answer of the database they are not a number. */
export async function countForMetrics(services: Pick<Services, 'database' | 'metrics'>): Promise<void> {
  await Promise.all([countTopics(services), countNotices(services)]);
}

async function countNotices({ database, metrics }: Pick<Services, 'database' | 'metrics'>): Promise<void> {
  const late = sleep(COUNT_LIMIT_MS, undefined, { ref: false });
  let counts: Map<string, number> | undefined;
  try {
    counts = (await Promise.race([waitingNotices(database.kysely), late])) ?? undefined;
  } catch (error) {
    log.warn(`the notices that wait could not be counted: ${describeError(error)}`);
  }
  for (const channel of LABELS.channel) {
    metrics.noticesWaiting.set({ channel }, counts === undefined ? NaN : (counts.get(channel) ?? 0));
  }
}

async function countTopics({ database, metrics }: Pick<Services, 'database' | 'metrics'>): Promise<void> {
  const late = sleep(COUNT_LIMIT_MS, NaN, { ref: false });
  try {
    metrics.topicsWaiting.set(await Promise.race([countWaiting(database.kysely), late]));
  } catch (error) {
    metrics.topicsWaiting.set(NaN);
    log.warn(`the topics that wait could not be counted: ${describeError(error)}`);
  }
}
