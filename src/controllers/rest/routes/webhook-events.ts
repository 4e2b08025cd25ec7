import { z } from 'zod';
import { EVENT_STATES } from '../../../db/schema';
import { findEvents, resendEvent } from '../../../model/webhook-events';
import { eventId, sessionId } from '../../../model/values/identifiers';
import { EVENT_TYPES } from '../../../resources/config/webhook';
import { eventView } from '../../../views/webhook';
import { pageBy, pageOf } from '../cursor';
import { type Route, route } from '../route';
import { listOf, time } from '../schemas';

const event = z
  .object({
    id: eventId,
    type: z.enum(EVENT_TYPES),
    session_id: sessionId,
    sequence: z.number().int().meta({ example: 17 }),
    state: z.enum(EVENT_STATES),
    attempts: z.number().int().meta({ example: 1 }),
    last_error: z.string().nullable().meta({ example: 'HTTP 500' }),
    create_time: time,
    due_time: time,
    update_time: time,
  })
  .meta({ id: 'WebhookEvent' });

export const webhookEventRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/webhook_events',
    who: 'backend',
    summary: "Events of the platform's webhook, newest first",
    query: pageBy(z.tuple([z.string()])).extend({
      state: z.enum(EVENT_STATES).optional(),
      session_id: sessionId.optional(),
      type: z.enum(EVENT_TYPES).optional(),
    }),
    responses: { 200: { description: 'a page', schema: listOf(event) } },
    handle: async ({ context, query }) => {
      const { cursor, limit, session_id, state, type } = query;
      const filter = { state, sessionId: session_id, type };
      const rows = await findEvents(context.database.kysely, filter, limit, cursor?.[0]);
      return { status: 200, body: pageOf(rows, limit, eventView, ({ id }) => [id]) };
    },
  }),
  route({
    method: 'POST',
    path: '/webhook_events/:event_id/resend',
    who: 'backend',
    summary: "Send a failed event again, ahead of its session's others",
    problems: ['not_found', 'conflict'],
    responses: { 202: { description: 'it is pending again', schema: event } },
    handle: async ({ context, params }) => {
      const row = await resendEvent(context.database, params.event_id ?? '');
      context.webhooks.poke();
      return { status: 202, body: eventView(row) };
    },
  }),
];
