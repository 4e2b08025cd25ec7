import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Services } from '../../commands/services';
import { isId } from '../../model/values/identifiers';
import { API_BASE } from './routes/groups';
import { sendRoute } from './routes/messages';
import { perform } from './perform';
import { newRequestId } from './request-id';
import { matchPath } from './route';

const PREFIX = `${API_BASE}/sessions/`;
const SUFFIX = '/messages';

/**
 * The short way for the one request that there are many of: sending. Express takes about 100 µs to find a route, which is
 * more than all the rest of a send; this takes one or two. What it finds is the very route that the router would, served
 * by the very `perform`, so the two doors can't differ (test/rest/doors.test.ts runs the same cases through both).
 * @returns whether it took the request
 */
export function fastDoor(services: Services, request: IncomingMessage, response: ServerResponse): boolean {
  const { method, url = '' } = request;
  if (method !== 'POST' || !url.startsWith(PREFIX) || !url.endsWith(SUFFIX)) return false;
  const between = url.slice(PREFIX.length, -SUFFIX.length);
  const params = isId('session', between)
    ? { session_id: between }
    : matchPath(sendRoute.path, url.slice(PREFIX.length - 1));
  if (params === undefined) return false;
  void perform(services, sendRoute, params, request, response, newRequestId(request));
  return true;
}
