import { z } from 'zod';
import { resendNotice } from '../../../commands/notices/resend-notice';
import { NOTICE_CHANNELS, NOTICE_STATES } from '../../../db/schema';
import { findNotices } from '../../../model/notices';
import { clientId, messageId, rowId, sessionId, userId } from '../../../model/values/identifiers';
import { noticeView } from '../../../views/notice';
import { pageBy, pageOf } from '../cursor';
import { type Route, route } from '../route';
import { listOf, time } from '../schemas';

const channel = z.enum(NOTICE_CHANNELS);
const state = z.enum(NOTICE_STATES);

const notice = z
  .object({
    id: rowId,
    channel,
    session_id: sessionId,
    message_id: messageId.nullable().meta({ description: "null: of a call's invitation" }),
    user_id: userId,
    client_id: clientId.nullable().meta({ description: 'the device, for a push' }),
    state,
    attempts: z.number().int(),
    last_error: z.string().nullable().meta({ example: '43004 require subscribe' }),
    create_time: time,
    due_time: time.meta({ description: 'not before this is it sent' }),
    update_time: time,
  })
  .meta({ id: 'Notice' });

export const noticeRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/notices',
    who: 'backend',
    summary: 'Notices to people who were away, newest first',
    query: pageBy(z.tuple([z.number().int()])).extend({
      state: state.optional(),
      channel: channel.optional(),
    }),
    responses: { 200: { description: 'a page', schema: listOf(notice) } },
    handle: async ({ context, query }) => {
      const { cursor, limit } = query;
      const rows = await findNotices(context.database.kysely, query, limit, cursor?.[0]);
      return { status: 200, body: pageOf(rows, limit, noticeView, (row) => [row.id]) };
    },
  }),
  route({
    method: 'POST',
    path: '/notices/:notice_id/resend',
    who: 'backend',
    summary: 'Send a notice anew that failed: it is tried for another 24 hours',
    problems: ['conflict'],
    responses: { 202: { description: 'pending again', schema: notice } },
    handle: async ({ context, params }) => ({
      status: 202,
      body: noticeView(await resendNotice(context, Number(params.notice_id))),
    }),
  }),
];
