import { type Api } from './api';

/** A place that a request of any route can be about: a session of D1 and P1 with an open topic, all of its own. */
export interface Place {
  session: string;
  topic: string;
  /** a message of P1's */
  message: number;
  /** one that failed */
  notice: number;
  /** one that failed */
  event: string;
  /** a message of D1's, before that one */
  own: number;
  /** P1's last message is unread for D1 */
  fresh: (prefix: string) => string;
}

export async function makePlace(api: Api): Promise<Place> {
  const session = await api.session(1, 'D1', 'P1');
  const topic = api.fresh('t');
  const started = await api.post('backend', `/sessions/${topic}/topics`, {
    session_id: session,
    name: '血压偏高',
    messages: [
      { sender_id: 'D1', type: 1, content: '您好' },
      { sender_id: 'P1', type: 1, content: '最近血压有点高' },
    ],
  });
  started.status.should.equal(201);
  const page = await api.get('backend', `/sessions/${session}/messages`);
  const now = '2026-11-22 08:00:00.000';
  const { insertId } = await api.server.context.database.kysely
    .insertInto('notices')
    .values({
      channel: 'wechat',
      session_id: session,
      message_id: null,
      user_id: 'P1',
      state: 'failed',
      create_time: now,
      update_time: now,
      due_time: now,
    })
    .executeTakeFirstOrThrow();
  const event = `event-${insertId}`;
  await api.server.context.database.kysely
    .insertInto('webhook_events')
    .values({
      id: event,
      type: 'message.created',
      session_id: session,
      sequence: 1,
      state: 'failed',
      create_time: now,
      update_time: now,
      due_time: null,
      message_id: null,
      topic_id: null,
      details: null,
    })
    .execute();
  return {
    session,
    topic,
    notice: Number(insertId),
    event,
    message: page.body.items.at(-1).id as number,
    own: page.body.items.at(-2).id as number,
    fresh: (prefix) => api.fresh(prefix),
  };
}

/** A valid request for a route, made by D1 or, for D1, by the backend. */
export interface RouteCase {
  params?: (place: Place) => Record<string, string | number>;
  query?: Record<string, string>;
  body?: (place: Place) => Record<string, unknown>;
  status: number;
  /** Where the user stands whom the request is for; in the `path`, naming another is asking about that one. */
  names?: 'query' | 'body' | 'sender' | 'path';
  /** What D2 gets, who takes part in no session with D1 and P1 and sends this very request for itself. */
  outsider: number;
}

/** A case for every route: `rights.test.ts` fails when one is missing here. */
export const ROUTE_CASES: Record<string, RouteCase> = {
  'GET /application/badge_no': { status: 200, names: 'query', outsider: 200 },
  'GET /application/notices': { status: 200, outsider: 403 },
  'POST /application/notices/:notice_id/resend': { status: 202, outsider: 403 },
  'GET /application/webhook_events': { status: 200, outsider: 403 },
  'POST /application/webhook_events/:event_id/resend': { status: 202, outsider: 403 },

  'POST /users/login': {
    body: () => ({ user_id: 'D1', user_type: 'doctor' }),
    status: 200,
    outsider: 403,
  },
  'POST /users/logout': { status: 204, names: 'body', outsider: 204 },
  'GET /users/:user_id': { status: 200, outsider: 404 },
  'PUT /users/:user_id': { body: () => ({ type: 'doctor', name: '李医生' }), status: 200, outsider: 403 },
  'GET /users/:user_id/status': { status: 200, outsider: 404 },
  'PUT /users/:user_id/status': {
    body: () => ({ in_background: true, platform: 'ios', client_id: 'c1' }),
    status: 200,
    names: 'path',
    outsider: 403,
  },
  'GET /users/:user_id/devices': { status: 200, names: 'path', outsider: 403 },
  // Nobody has this one.
  'DELETE /users/:user_id/devices/:client_id': {
    params: () => ({ client_id: 'none' }),
    status: 404,
    names: 'path',
    outsider: 403,
  },
  'POST /users/:user_id/notices': { body: () => ({ content: '通知' }), status: 201, outsider: 403 },
  'GET /users/:user_id/consult/time': { status: 200, names: 'path', outsider: 403 },

  'POST /sessions/': {
    body: ({ fresh }) => ({ id: fresh('made'), type: 3, name: '团队', participants: [{ id: 'D1' }] }),
    status: 201,
    outsider: 403,
  },
  'GET /sessions/': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/recent': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/:session_id': { status: 200, outsider: 404 },
  'GET /sessions/:session_id/session': { status: 200, outsider: 404 },
  'PUT /sessions/:session_id/sticky': { status: 204, names: 'body', outsider: 404 },
  'DELETE /sessions/:session_id/sticky': { status: 204, names: 'query', outsider: 404 },
  'PUT /sessions/:session_id/status': { body: () => ({ status: 1 }), status: 200, outsider: 404 },
  'GET /sessions/unread_message_count': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/:session_id/unread_message_count': { status: 200, names: 'query', outsider: 404 },

  'POST /sessions/:session_id/messages': {
    body: () => ({ type: 1, content: '您好', client_msg_id: 'c1' }),
    status: 201,
    names: 'sender',
    outsider: 404,
  },
  'GET /sessions/:session_id/messages': { status: 200, names: 'query', outsider: 404 },
  'GET /sessions/:session_id/messages/unread': { status: 200, names: 'query', outsider: 404 },
  'GET /sessions/:session_id/messages/:message_id': { status: 200, outsider: 404 },
  'GET /sessions/:session_id/messages/search': {
    query: { q: '血压' },
    status: 200,
    names: 'query',
    outsider: 404,
  },
  'DELETE /sessions/:session_id/messages/:message_id': {
    params: ({ own }) => ({ message_id: own }),
    status: 200,
    names: 'query',
    outsider: 404,
  },
  'GET /sessions/:session_id/recalls': { status: 200, names: 'query', outsider: 404 },

  'POST /sessions/:topic_id/topics': {
    params: ({ fresh }) => ({ topic_id: fresh('t') }),
    body: ({ fresh }) => ({
      session_id: fresh('made'),
      name: '咨询',
      session_name: '咨询会话',
      session_type: 1,
      participants: [{ id: 'D1' }, { id: 'P1' }],
    }),
    status: 201,
    names: 'body',
    outsider: 403,
  },
  'GET /sessions/topics': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/topics/count/reply': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/topics/statistics': { status: 200, names: 'query', outsider: 200 },
  'GET /sessions/topics/:topic_id': { status: 200, outsider: 404 },
  'PUT /sessions/topics/:topic_id': {
    body: () => ({ description: '收缩压 150' }),
    status: 200,
    outsider: 404,
  },
  'GET /sessions/:session_id/topics/:topic_id/ended': { status: 200, outsider: 404 },
  'PUT /sessions/:session_id/topics/:topic_id/ended': {
    body: () => ({ message: '如有不适,请随时联系我们。' }),
    status: 200,
    names: 'body',
    outsider: 404,
  },
  'GET /sessions/topic/:topic_id/messages': { status: 200, outsider: 404 },
  'GET /sessions/:session_id/topics/:topic_id/messages': { status: 200, outsider: 404 },

  'GET /sessions/:session_id/participants': { status: 200, outsider: 404 },
  'POST /sessions/:session_id/participants': {
    body: () => ({ participants: [{ id: 'D3', role: 1 }] }),
    status: 200,
    outsider: 404,
  },
  'PUT /sessions/:session_id/participant/update': {
    body: () => ({ remove: ['P1'], add: [{ id: 'D3' }] }),
    status: 200,
    outsider: 404,
  },
  'GET /sessions/:session_id/participants/avatars': { status: 200, outsider: 404 },
  'GET /sessions/:session_id/participants/:participant_id': { status: 200, outsider: 404 },
  'PUT /sessions/:session_id/participants/:participant_id': {
    body: () => ({ role: 1 }),
    status: 200,
    outsider: 404,
  },
  'DELETE /sessions/:session_id/participants/:participant_id': { status: 204, outsider: 404 },
  'GET /sessions/:session_id/participants/:participant_id/avatars': { status: 200, outsider: 404 },

  // Files are switched off here; test/files has what they do.
  'POST /files/': { status: 404, outsider: 404 },
  'GET /files/:file_id': { params: () => ({ file_id: 'f'.repeat(32) }), status: 404, outsider: 404 },
};

export interface BuiltRequest {
  path: string;
  body?: Record<string, unknown>;
}

/** The request of a case. @param named the user whom it names; left out: nobody */
export function buildRequest(full: string, route: RouteCase, place: Place, named?: string): BuiltRequest {
  const params: Record<string, string | number> = {
    user_id: 'D1',
    session_id: place.session,
    topic_id: place.topic,
    participant_id: 'P1',
    message_id: place.message,
    notice_id: place.notice,
    event_id: place.event,
    ...route.params?.(place),
    ...(route.names === 'path' && named !== undefined ? { user_id: named } : {}),
  };
  const path = full.replaceAll(/:(\w+)/g, (_all, name: string) => String(params[name])).replace(/\/$/, '');
  const query = new URLSearchParams(route.query);
  if (route.names === 'query' && named !== undefined) query.set('user_id', named);
  const field = { body: 'user_id', sender: 'sender_id', path: '', query: '' }[route.names ?? 'path'];
  const inBody = named !== undefined && field !== '' ? { [field]: named } : {};
  const body =
    route.body === undefined && named === undefined ? undefined : { ...route.body?.(place), ...inBody };
  return {
    path: query.size === 0 ? path : `${path}?${query.toString()}`,
    ...(body === undefined || (route.body === undefined && field === '') ? {} : { body }),
  };
}
