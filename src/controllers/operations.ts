import { Router } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Services } from '../commands/services';
import { checkWrite } from '../db/write-check';
import { countForMetrics } from '../commands/maintenance/counted-metrics';
import { AppError, forbidden } from '../errors';
import { answerError, authenticate } from './rest/perform';
import { requestId } from './rest/request-id';

const CHECK_LIMIT_MS = 2_000;
/** The database is asked no oftener, however many ask whether it is there. */
const CHECK_AGE_MS = 500;

type Part = 'ok' | 'unavailable' | 'off';

/** Whether `check` succeeds in time. */
async function partState(check: () => Promise<void>): Promise<Part> {
  const inTime = Promise.race([
    check().then(() => true),
    sleep(CHECK_LIMIT_MS, undefined, { ref: false }).then(() => false),
  ]);
  return (await inTime.catch(() => false)) ? 'ok' : 'unavailable';
}

/** The same, one check at a time, and the last one is asked again only when it has an age. */
function keptState(check: () => Promise<void>): () => Promise<Part> {
  let last: Promise<void> | undefined;
  let endedAt: number | undefined;
  return () => {
    const isOld = endedAt !== undefined && performance.now() - endedAt > CHECK_AGE_MS;
    if (last === undefined || isOld) {
      endedAt = undefined;
      last = check().finally(() => {
        endedAt = performance.now();
      });
    }
    const kept = last;
    return partState(() => kept);
  };
}

/** For load balancers and monitoring: `/health/live`, `/health/ready`, `/metrics`. */
export function operationsRouter(services: Services): Router {
  const router = Router({ caseSensitive: true });
  const databaseState = keptState(() => checkWrite(services.database));
  router.get('/health/live', (_request, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/health/ready', async (_request, response) => {
    const { bus } = services;
    const [database, redis] = await Promise.all([
      databaseState(),
      bus.shared ? partState(() => bus.ping()) : ('off' as const),
    ]);
    // Without Redis the process serves: a balancer that took away all processes would make it worse.
    const ready = database === 'ok';
    response
      .status(ready ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ status: ready ? 'ok' : 'unavailable', parts: { database, redis } });
  });
  router.get('/metrics', async (request, response) => {
    const principal = await authenticate(services, request);
    if (principal.kind === 'user') throw forbidden('Only the platform may do this.');
    const { registry } = services.metrics;
    await countForMetrics(services);
    response
      .set('Content-Type', registry.contentType)
      .set('Cache-Control', 'no-store')
      .send(await registry.metrics());
  });
  router.all(['/health/live', '/health/ready', '/metrics'], (request, response) => {
    const wrongMethod = new AppError('method_not_allowed', 'This path takes GET.', undefined, {
      Allow: 'GET, HEAD',
    });
    answerError(services, response, requestId(request, response), wrongMethod);
  });
  return router;
}
