import { z } from 'zod';
import { actingUser, namedUser, visibleSession } from '../../../commands/access/access';
import { readUpTo } from '../../../commands/delivery/read-position';
import { sendMessage } from '../../../commands/sending/send-message';
import { notFound } from '../../../errors';
import { userId } from '../../../model/values/identifiers';
import { sourceAt } from '../../../model/values/json-source';
import { messageInput, messageInputWith } from '../../../model/values/message-content';
import { messageTable } from '../../../model/message-tables';
import { findMessages, findWithQuoted } from '../../../model/messages';
import { unreadMessages } from '../../../model/unread';
import { messageJson, messagePage, RawJson } from '../../../views/message';
import { withQuickCheck } from '../../input';
import { type Route, route } from '../route';
import {
  clientMsgId,
  forUserOrNobody,
  messageList,
  messageRange,
  onUser,
  limit,
  queryMessageId,
  replyTo,
  wire,
} from '../schemas';

/** What is sent beside the message itself. */
const envelope = {
  sender_id: userId.optional().meta({ description: 'for the backend; a user sends as itself' }),
  client_msg_id: clientMsgId.optional(),
  reply_to: replyTo,
};
const sendBody = withQuickCheck(
  z.object(envelope).and(messageInput).meta({ id: 'SentMessage' }),
  messageInputWith(envelope),
);

/** Also reached without the router: see `fast-door.ts`. */
export const sendRoute: Route = route({
  method: 'POST',
  path: '/:session_id/messages',
  who: 'user',
  summary: 'Send a message; the same client_msg_id again gives the first message back and stores nothing',
  body: sendBody,
  example: {
    sender_id: 'D2016008240003',
    type: 1,
    content: '您好,今天血压怎么样?',
    client_msg_id: '5f0c9c1e-2d1b-4b0e-9a7e-0d3c5f1a2b3c',
  },
  problems: ['forbidden', 'rate_limited'],
  responses: {
    201: { description: 'stored', schema: wire.message },
    200: { description: 'a repeat: the message stored before', schema: wire.message },
  },
  // While the database stands still, what can't wait for it is not taken in either.
  checkRoom: ({ writer }, length) => writer.checkRoom(length),
  handle: async ({ context, principal, params, body, bodyText }) => {
    const sent = await sendMessage(context, principal, {
      sessionId: params.session_id ?? '',
      senderId: body.sender_id,
      message: body,
      source: () => sourceAt(bodyText, ['content']),
      clientMsgId: body.client_msg_id,
      replyTo: body.reply_to ?? undefined,
    });
    return { status: sent.created ? 201 : 200, body: new RawJson(sent.json) };
  },
});

export const messageRoutes: Route[] = [
  sendRoute,
  route({
    method: 'GET',
    path: '/:session_id/messages',
    who: 'user',
    summary:
      'History, oldest first in a page; marks as read up to the newest message returned, unless peek=1',
    query: messageRange.extend({
      user_id: forUserOrNobody,
      peek: z.enum(['0', '1']).optional().meta({ description: '1: marks nothing as read' }),
    }),
    problems: ['forbidden'],
    responses: { 200: { description: 'a page', schema: messageList } },
    handle: async ({ context, principal, params, query, headOnly }) => {
      const reader = namedUser(principal, query.user_id);
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '', reader);
      const found = await findMessages(db, messageTable(session.type), session.id, query);
      const page = messagePage(found, context.fileLinks, found.start === 'oldest' ? 'first' : 'last');
      const newest = page.rows.at(-1);
      if (query.peek !== '1' && !headOnly && reader !== undefined && newest !== undefined) {
        await readUpTo(context, session.id, reader, newest);
      }
      return { status: 200, body: page.json };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/messages/unread',
    who: 'user',
    summary: 'Unread messages, oldest first; marks nothing',
    query: onUser.extend({ after: queryMessageId.optional(), limit }),
    problems: ['forbidden'],
    responses: { 200: { description: 'a page', schema: messageList } },
    handle: async ({ context, principal, params, query }) => {
      const id = actingUser(principal, query.user_id);
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '', id);
      const page = await unreadMessages(db, session, id, query.after, query.limit);
      return { status: 200, body: messagePage(page, context.fileLinks).json };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/messages/:message_id',
    who: 'user',
    summary: 'One message',
    responses: { 200: { description: 'the message', schema: wire.message } },
    handle: async ({ context, principal, params }) => {
      const db = context.database.kysely;
      const session = await visibleSession(db, principal, params.session_id ?? '');
      const id = Number(params.message_id);
      const found = await findWithQuoted(db, messageTable(session.type), session.id, id);
      if (found === undefined) throw notFound('message');
      return { status: 200, body: new RawJson(messageJson(found.row, context.fileLinks, found.quoted)) };
    },
  }),
];
