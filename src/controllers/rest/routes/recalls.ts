import { z } from 'zod';
import { namedUser, visibleSession } from '../../../commands/access/access';
import { recallMessage } from '../../../commands/recalls/recall-message';
import { messageTable } from '../../../model/message-tables';
import { quotedBy } from '../../../model/quotes';
import { findRecalls } from '../../../model/recalls';
import { searchMessages } from '../../../model/search';
import { SYSTEM_USER, userId } from '../../../model/values/identifiers';
import { text } from '../../../model/values/text';
import { fittingPart, RawJson, recallView } from '../../../views/message';
import { type Route, route } from '../route';
import { forUserOrNobody, limit, queryInteger, queryMessageId, wire } from '../schemas';

/** Taking messages back, and finding them. */
export const recallRoutes: Route[] = [
  route({
    method: 'DELETE',
    path: '/:session_id/messages/:message_id',
    who: 'user',
    summary: 'Take a message back; again changes nothing',
    query: z.object({ user_id: forUserOrNobody }),
    problems: ['forbidden', 'conflict'],
    responses: { 200: { description: 'what is left of the message', schema: wire.message } },
    handle: async ({ context, principal, params, query }) => {
      const { message } = await recallMessage(context, principal, {
        sessionId: params.session_id ?? '',
        messageId: Number(params.message_id),
        userId: query.user_id,
      });
      return { status: 200, body: new RawJson(message) };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/recalls',
    who: 'user',
    summary: 'What was taken back, in that order',
    query: z.object({
      after: queryMessageId.optional().meta({ description: 'ids of recalls strictly above this one' }),
      limit,
      user_id: forUserOrNobody,
    }),
    problems: ['forbidden'],
    responses: {
      200: {
        description: 'a page',
        schema: z.object({ items: z.array(wire.recall), more: z.boolean() }),
      },
    },
    handle: async ({ context, principal, params, query }) => {
      const reader = namedUser(principal, query.user_id);
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '', reader);
      const page = await findRecalls(db, session.id, { after: query.after ?? 0, limit: query.limit });
      return { status: 200, body: { items: page.rows.map(recallView), more: page.more } };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/messages/search',
    who: 'user',
    summary:
      'Messages whose text holds `q`, newest first; a request looks at 10,000 at most, and may find few or none with a next',
    query: z.object({
      q: text(1, 100).meta({ description: 'as written, but for the case of ASCII letters', example: '血压' }),
      sender_id: userId
        .or(z.literal(SYSTEM_USER.id))
        .optional()
        .meta({ description: 'also one who has left' }),
      type: queryInteger(0, 14).optional(),
      before: queryMessageId.optional().meta({ description: '`next` of the request before' }),
      limit,
      user_id: forUserOrNobody,
    }),
    problems: ['forbidden'],
    responses: {
      200: {
        description: 'what was found; `next` null: all was looked at',
        schema: z.object({ items: z.array(wire.message), next: z.number().int().nullable() }),
      },
    },
    handle: async ({ context, principal, params, query }) => {
      const reader = namedUser(principal, query.user_id);
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '', reader);
      const table = messageTable(session.type);
      const found = await searchMessages(db, table, session.id, {
        words: query.q,
        senderId: query.sender_id,
        type: query.type,
        before: query.before,
        limit: query.limit,
      });
      const quoted = await quotedBy(db, table, session.id, found.rows);
      const { rows, texts } = fittingPart({ rows: found.rows, quoted }, context.fileLinks);
      const isCut = rows.length < found.rows.length;
      return {
        status: 200,
        body: {
          items: texts.map((each) => new RawJson(each)),
          next: isCut ? (rows.at(-1)?.id ?? null) : found.next,
        },
      };
    },
  }),
];
