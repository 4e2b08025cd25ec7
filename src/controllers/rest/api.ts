import { type RequestHandler, Router } from 'express';
import { type Services } from '../../commands/services';
import { methodNotAllowed, notFound } from '../../errors';
import { documentationRouter } from './documentation/documentation';
import { API_BASE, API_GROUPS } from './routes/groups';
import { answerError, perform } from './perform';
import { requestId } from './request-id';
import { allowedMethods, bySpecificity, parameterFits, type Route } from './route';

/** The routers of all groups, each below its base, and the documentation of them. */
export function apiRouter(services: Services): Router {
  const api = Router({ caseSensitive: true });
  for (const { base, routes } of API_GROUPS) api.use(base, groupRouter(services, routes));
  api.use(API_BASE, documentationRouter(services));
  return api;
}

function groupRouter(services: Services, routes: readonly Route[]): Router {
  const router = Router({ caseSensitive: true });
  for (const route of [...routes].sort(bySpecificity)) {
    const handler: RequestHandler = (request, response, next) => {
      const params = request.params as Record<string, string>;
      // What can't be an id is no such path: a literal path that looks the same may come later.
      const fits = Object.entries(params).every(([name, value]) => parameterFits(route.path, name, value));
      if (fits) void perform(services, route, params, request, response, requestId(request, response));
      else next('route');
    };
    router[METHODS[route.method]](route.path, handler);
  }
  router.use((request, response) => {
    const allowed = allowedMethods(routes, request.path);
    const error = allowed.length === 0 ? notFound('path') : methodNotAllowed(allowed);
    answerError(services, response, requestId(request, response), error);
  });
  return router;
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const;
