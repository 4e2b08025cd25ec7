import { z } from 'zod';
import { actingUser, requireUser, visibleSession } from '../../../commands/access/access';
import { createSession } from '../../../commands/sessions/sessions';
import { type Services } from '../../../commands/services';
import { databaseNow } from '../../../db/clock';
import { later } from '../../../db/time';
import { notFound } from '../../../errors';
import { newSessionId, sessionId, userId } from '../../../model/values/identifiers';
import { participantsOf } from '../../../model/participants';
import { sessionsOf, type SessionFilter, setSticky } from '../../../model/sessions';
import { name } from '../../../model/values/text';
import { unreadCount, unreadCounts } from '../../../model/unread';
import { participantView, sessionView } from '../../../views/session';
import { cursorTime, pageBy, pageOf } from '../cursor';
import { type Reply, type Route, route } from '../route';
import {
  forUser,
  listOf,
  onUser,
  participants,
  queryInteger,
  sessionType,
  userType,
  wire,
  zeroOrOne,
} from '../schemas';

const sessionBody = z.object({
  id: newSessionId.optional(),
  type: sessionType,
  name,
  participants: participants.min(1),
  business_type: z.union([z.literal(1), z.literal(2)]).optional(),
});

const listedSession = z
  .object({ ...wire.session.shape, unread_count: z.number().int(), sticky: z.boolean() })
  .meta({ id: 'ListedSession' });

const detailedSession = z
  .object({ ...wire.session.shape, participants: z.array(wire.participant) })
  .meta({ id: 'DetailedSession' });

const DAY_MS = 24 * 60 * 60_000;
const page = pageBy(z.tuple([z.number().int(), cursorTime, z.string()]));

/** A page of a user's sessions with their unread counts: a fixed number of queries, however many sessions. */
async function listSessions(
  context: Services,
  user: string,
  filter: SessionFilter,
  query: z.output<typeof page>,
): Promise<Reply> {
  const db = context.database.kysely;
  const after = query.cursor;
  const rows = await sessionsOf(
    db,
    user,
    filter,
    query.limit,
    after && { sticky: after[0], time: after[1], id: after[2] },
  );
  const shown = rows.slice(0, query.limit);
  const counts =
    shown.length === 0
      ? new Map<string, number>()
      : await unreadCounts(
          db,
          user,
          shown.map((row) => row.id),
        );
  return {
    status: 200,
    body: pageOf(
      rows,
      query.limit,
      (row) => ({
        ...sessionView(row, context.fileLinks),
        unread_count: counts.get(row.id) ?? 0,
        sticky: row.sticky === 1,
      }),
      (row) => [row.sticky, row.activity, row.id],
    ),
  };
}

function stickyRoute(method: 'PUT' | 'DELETE', sticky: boolean): Route {
  return route({
    method,
    path: '/:session_id/sticky',
    who: 'user',
    summary: sticky ? 'Pin a session in the list of one user' : 'Unpin it',
    query: onUser,
    body: onUser,
    example: sticky ? { user_id: 'D2016008240003' } : {},
    problems: ['forbidden'],
    responses: { 204: { description: sticky ? 'pinned' : 'unpinned', schema: null } },
    handle: async ({ context, principal, params, query, body }) => {
      if (query.user_id !== undefined) actingUser(principal, query.user_id);
      const id = actingUser(principal, body.user_id ?? query.user_id);
      const found = await setSticky(context.database.kysely, params.session_id ?? '', id, sticky);
      if (!found) throw notFound('session');
      return { status: 204 };
    },
  });
}

export const sessionRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/',
    who: 'user',
    summary: 'Make a session; two users have one p2p session, which is the answer when it exists',
    body: sessionBody,
    example: {
      id: 's-1001',
      type: 1,
      name: '王小明的家庭医生',
      participants: [{ id: 'P1001' }, { id: 'D2016008240003', role: 1 }],
    },
    problems: ['forbidden', 'conflict'],
    responses: {
      201: { description: 'made', schema: wire.session },
      200: { description: 'the p2p session that these two have', schema: wire.session },
    },
    handle: async ({ context, principal, body }) => {
      const { session, created } = await createSession(context, principal, body);
      return { status: created ? 201 : 200, body: sessionView(session, context.fileLinks) };
    },
  }),
  route({
    method: 'GET',
    path: '/',
    who: 'user',
    summary: "A user's sessions: sticky first, then by latest message, newest first",
    query: page.extend({
      user_id: forUser,
      type: queryInteger(0, 3).optional(),
      business_type: queryInteger(1, 2).optional(),
    }),
    problems: ['forbidden', 'not_found'],
    responses: { 200: { description: 'a page', schema: listOf(listedSession) } },
    handle: async ({ context, principal, query }) => {
      const id = actingUser(principal, query.user_id);
      await requireUser(context.database.kysely, principal, id);
      return listSessions(context, id, { type: query.type, businessType: query.business_type }, query);
    },
  }),
  route({
    method: 'GET',
    path: '/recent',
    who: 'user',
    summary: 'Sessions with a message in the last days, with a patient or among doctors',
    query: page.extend({
      user_id: forUser,
      type: userType.optional(),
      days: queryInteger(1, 3650).prefault('30'),
    }),
    problems: ['forbidden', 'not_found'],
    responses: { 200: { description: 'a page', schema: listOf(listedSession) } },
    handle: async ({ context, principal, query }) => {
      const id = actingUser(principal, query.user_id);
      await requireUser(context.database.kysely, principal, id);
      const businessType = query.type === undefined ? undefined : query.type === 'patient' ? 2 : 1;
      const { dialect, kysely } = context.database;
      const messageSince = later(await databaseNow(kysely, dialect), -query.days * DAY_MS);
      return listSessions(context, id, { businessType, messageSince }, query);
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/session',
    who: 'user',
    summary: 'One session with its participants',
    responses: { 200: { description: 'the session', schema: detailedSession } },
    handle: async ({ context, principal, params }) => {
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '');
      const members = await participantsOf(db, session.id);
      return {
        status: 200,
        body: { ...sessionView(session, context.fileLinks), participants: members.map(participantView) },
      };
    },
  }),
  stickyRoute('PUT', true),
  stickyRoute('DELETE', false),
  route({
    method: 'PUT',
    path: '/:session_id/status',
    who: 'user',
    summary: 'Whether the session has an active topic; starting and ending one set it too',
    body: z.object({ status: zeroOrOne }),
    example: { status: 1 },
    responses: { 200: { description: 'the session', schema: wire.session } },
    handle: async ({ context, principal, params, body }) => {
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '');
      await db.updateTable('sessions').set({ status: body.status }).where('id', '=', session.id).execute();
      return {
        status: 200,
        body: sessionView(await visibleSession(db, principal, session.id), context.fileLinks),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/unread_message_count',
    who: 'user',
    summary: "Unread messages of all the user's sessions",
    query: onUser,
    problems: ['forbidden', 'not_found'],
    responses: {
      200: {
        description: 'the counts; sessions without unread messages are left out',
        schema: z
          .object({
            user_id: userId,
            count: z.number().int(),
            sessions: z.array(z.object({ session_id: sessionId, count: z.number().int() })),
          })
          .meta({ id: 'UnreadCounts' }),
      },
    },
    handle: async ({ context, principal, query }) => {
      const id = actingUser(principal, query.user_id);
      const db = context.database.kysely;
      await requireUser(db, principal, id);
      const sessions = [...(await unreadCounts(db, id))].map(([session, count]) => ({
        session_id: session,
        count,
      }));
      const count = sessions.reduce((sum, each) => sum + each.count, 0);
      return { status: 200, body: { user_id: id, count, sessions } };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/unread_message_count',
    who: 'user',
    summary: 'Unread messages of one session',
    query: onUser,
    problems: ['forbidden'],
    responses: {
      200: {
        description: 'the count',
        schema: z
          .object({ user_id: userId, session_id: sessionId, count: z.number().int() })
          .meta({ id: 'UnreadCount' }),
      },
    },
    handle: async ({ context, principal, params, query }) => {
      const id = actingUser(principal, query.user_id);
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '', id);
      return {
        status: 200,
        body: { user_id: id, session_id: session.id, count: await unreadCount(db, session, id) },
      };
    },
  }),
];
