import { type RequestHandler, Router } from 'express';
import { type Services } from '../../commands/services';
import { AppError, notFound } from '../../errors';
import { applicationRoutes } from './application';
import { messageRoutes } from './messages';
import { participantRoutes } from './participants';
import { answerError, perform, requestId } from './perform';
import { bySpecificity, matchPath, parameterFits, type Route } from './route';
import { sessionRoutes } from './sessions';
import { topicRoutes } from './topics';
import { userRoutes } from './users';

export const API_BASE = '/api/v2';

/** Every route of the API, by the group that it belongs to. */
export const API_GROUPS: readonly { base: string; name: string; routes: readonly Route[] }[] = [
  { base: `${API_BASE}/application`, name: 'application', routes: applicationRoutes },
  { base: `${API_BASE}/users`, name: 'users', routes: userRoutes },
  {
    base: `${API_BASE}/sessions`,
    name: 'sessions',
    routes: [...sessionRoutes, ...messageRoutes, ...topicRoutes, ...participantRoutes],
  },
];

/** The routers of all groups, each below its base. */
export function apiRouter(services: Services): Router {
  const api = Router({ caseSensitive: true });
  for (const { base, routes } of API_GROUPS) api.use(base, groupRouter(services, routes));
  return api;
}

function groupRouter(services: Services, routes: readonly Route[]): Router {
  const router = Router({ caseSensitive: true });
  for (const route of [...routes].sort(bySpecificity)) {
    const handler: RequestHandler = (request, response, next) => {
      const params = request.params as Record<string, string>;
      // What can't be an id is no such path: a literal path that looks the same may come later.
      const fits = Object.entries(params).every(([name, value]) => parameterFits(route.path, name, value));
      if (!fits) return next('route');
      return perform(services, route, params, request, response);
    };
    router[METHODS[route.method]](route.path, handler);
  }
  router.use((request, response) => {
    const id = requestId(request, response);
    answerError(services, response, id, noRoute(routes, request.path));
  });
  return router;
}

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', DELETE: 'delete' } as const;

/** Why no route took a request: there is no such path, or not with that method. */
function noRoute(routes: readonly Route[], pathname: string): AppError {
  const allowed = allowedMethods(routes, pathname);
  if (allowed.length === 0) return notFound('path');
  return new AppError('method_not_allowed', `This path takes ${allowed.join(', ')}.`, undefined, {
    Allow: allowed.join(', '),
  });
}

/** The methods that a path below the group's base takes; empty: there is no such path. */
export function allowedMethods(routes: readonly Route[], pathname: string): string[] {
  const methods = new Set<string>();
  for (const route of routes) {
    if (matchPath(route.path, pathname) === undefined) continue;
    methods.add(route.method);
    if (route.method === 'GET') methods.add('HEAD');
  }
  return [...methods].sort();
}
