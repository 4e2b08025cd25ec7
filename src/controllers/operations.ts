import { Router } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { countWaitingNotices } from '../commands/notices/waiting-notices';
import { type Services } from '../commands/services';
import { AppError, forbidden } from '../errors';
import { answerError, authenticate, requestId } from './rest/perform';

const CHECK_LIMIT_MS = 2_000;

type Part = 'ok' | 'unavailable' | 'off';

/** Whether `check` succeeds in time. */
async function partState(check: () => Promise<void>): Promise<Part> {
  const inTime = Promise.race([
    check().then(() => true),
    sleep(CHECK_LIMIT_MS, undefined, { ref: false }).then(() => false),
  ]);
  return (await inTime.catch(() => false)) ? 'ok' : 'unavailable';
}

/** For load balancers and monitoring: `/health/live`, `/health/ready`, `/metrics`. */
export function operationsRouter(services: Services): Router {
  const router = Router({ caseSensitive: true });
  router.get('/health/live', (_request, response) => {
    response.json({ status: 'ok' });
  });
  router.get('/health/ready', async (_request, response) => {
    const { bus, database } = services;
    const [databaseState, redisState] = await Promise.all([
      partState(() => database.ping()),
      bus.shared ? partState(() => bus.ping()) : ('off' as const),
    ]);
    const ready = databaseState === 'ok' && redisState !== 'unavailable';
    response
      .status(ready ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ status: ready ? 'ok' : 'unavailable', parts: { database: databaseState, redis: redisState } });
  });
  router.get('/metrics', async (request, response) => {
    const principal = await authenticate(services, request);
    if (principal.kind === 'user') throw forbidden('Only the platform may do this.');
    const { registry } = services.metrics;
    await countWaitingNotices(services);
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
