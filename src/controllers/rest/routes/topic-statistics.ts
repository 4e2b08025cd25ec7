import { z } from 'zod';
import { namedUser, requireUser, visibleSession } from '../../../commands/access/access';
import { toSqlTime } from '../../../db/time';
import { topicStatistics } from '../../../model/topic-statistics';
import { sessionId } from '../../../model/values/identifiers';
import { type Route, route } from '../route';
import { forUserOrNobody, queryChoice, startedBetween } from '../schemas';

const count = z.number().int();

/** Seconds with three decimals. */
const seconds = z.number().meta({ example: 512.345 });

const statistics = z
  .object({
    started: count,
    replied: count.meta({
      description: 'also those of which nobody knows when; they are in no other number',
    }),
    ended_unreplied: count,
    waiting: count.meta({ description: 'open and without a reply' }),
    replied_within: z
      .object({ '3600': count, '86400': count })
      .meta({ description: 'replied in less than so many seconds' }),
    first_reply_seconds: z
      .object({ mean: seconds, p50: seconds, p90: seconds })
      .nullable()
      .meta({ description: 'from create_time to reply_time; percentiles by nearest rank' }),
    replies_by_hour: z
      .array(count)
      .length(24)
      .meta({
        description: 'by the hour of reply_time in Asia/Shanghai',
        example: [0, 0, 0, 0, 0, 0, 0, 2, 9, 14, 11, 6, 3, 5, 12, 10, 8, 4, 2, 2, 1, 1, 0, 0],
      }),
  })
  .meta({ id: 'TopicStatistics' });

const query = z
  .object({
    ...startedBetween,
    user_id: forUserOrNobody,
    session_id: sessionId.optional(),
    type: queryChoice(0, 1, 2, 3).optional().meta({ description: "the session's type" }),
    business_type: queryChoice(1, 2).optional().meta({ description: "the session's business_type" }),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    path: ['to'],
    error: 'not before `from`',
    // Other faults are listed beside it.
    when: ({ value }) => {
      const { from, to } = value as { from?: unknown; to?: unknown };
      return typeof from === 'number' && typeof to === 'number';
    },
  });

export const topicStatisticsRoute: Route = route({
  method: 'GET',
  path: '/topics/statistics',
  who: 'user',
  summary: 'How fast topics were answered, over the topics that started in a time',
  query,
  problems: ['forbidden', 'not_found'],
  responses: { 200: { description: 'the figures', schema: statistics } },
  handle: async ({ context, principal, query: { from, to, ...asked } }) => {
    const { dialect, kysely: db } = context.database;
    const user = namedUser(principal, asked.user_id);
    if (user !== undefined) await requireUser(db, principal, user);
    if (asked.session_id !== undefined) await visibleSession(db, principal, asked.session_id, user);
    const figures = await topicStatistics(db, dialect, {
      userId: user,
      sessionId: asked.session_id,
      sessionType: asked.type,
      businessType: asked.business_type,
      from: from === undefined ? undefined : toSqlTime(from),
      to: to === undefined ? undefined : toSqlTime(to),
    });
    return { status: 200, body: figures };
  },
});
