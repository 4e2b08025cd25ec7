import { z } from 'zod';
import {
  actingUser,
  namedUser,
  requireUser,
  visibleSession,
  visibleTopic,
} from '../../../commands/access/access';
import { type Services } from '../../../commands/services';
import { changeTopic } from '../../../commands/topics/change-topic';
import { endTopic, topicOfSession } from '../../../commands/topics/end-topic';
import { startTopic } from '../../../commands/topics/start-topic';
import { type TopicRow } from '../../../db/schema';
import { toSqlTime } from '../../../db/time';
import { notFound } from '../../../errors';
import { newSessionId, sessionId, topicId, userId } from '../../../model/values/identifiers';
import { sourceAt } from '../../../model/values/json-source';
import { messageInput, messageText } from '../../../model/values/message-content';
import { messageTable } from '../../../model/message-tables';
import { findMessages } from '../../../model/messages';
import { findSession } from '../../../model/sessions';
import { name, text } from '../../../model/values/text';
import { findTopics, replyCounts, TOPIC_STATUS } from '../../../model/topics';
import { messagePage } from '../../../views/message';
import { topicView } from '../../../views/topic';
import { cursorTime, pageBy, pageOf } from '../cursor';
import { type ApiRequest, type Reply, type Route, route } from '../route';
import {
  forUser,
  forUserOrNobody,
  listOf,
  messageList,
  messageRange,
  participants,
  queryChoice,
  queryTopicType,
  sessionType,
  startedBetween,
  wire,
  zeroOrOne,
} from '../schemas';

const topicType = z.number().int().min(-2147483648).max(2147483647);
const description = text(0, 5000);

const topicBody = z.object({
  session_id: newSessionId,
  user_id: userId.optional().meta({ description: 'who starts it' }),
  name,
  description: description.optional(),
  type: topicType.default(0),
  session_name: name.optional(),
  session_type: sessionType.optional(),
  participants: participants.optional(),
  messages: z
    .array(z.object({ sender_id: userId.optional() }).and(messageInput).meta({ id: 'FirstMessage' }))
    .max(500)
    .optional(),
});

const topicChange = z.object({
  name: name.optional(),
  description: description.nullable().optional(),
  type: topicType.optional(),
  reply: zeroOrOne.optional(),
});

const topicEnd = z.object({
  user_id: forUser,
  user_name: name.optional(),
  message: messageText.optional(),
});

const page = pageBy(z.tuple([cursorTime, z.string()]));

/** The messages of a topic: from its start message to its end message, or to now. */
async function topicMessages(
  context: Services,
  topic: TopicRow,
  query: z.output<typeof messageRange>,
): Promise<Reply> {
  const db = context.database.kysely;
  const session = await findSession(db, topic.session_id);
  if (session === undefined) throw notFound('session');
  const found = await findMessages(
    db,
    messageTable(session.type),
    session.id,
    { ...query, from: topic.start_message_id, to: topic.end_message_id ?? undefined },
    // A topic is read from its start; only `before` alone asks for what comes last.
    query.before === undefined || query.after !== undefined,
  );
  const shown = messagePage(found, context.fileLinks, found.start === 'oldest' ? 'first' : 'last');
  return { status: 200, body: shown.json };
}

async function sessionTopic({ context, principal, params }: ApiRequest<unknown, unknown>): Promise<TopicRow> {
  const db = context.database.kysely;
  const session = await visibleSession(db, principal, params.session_id ?? '');
  return topicOfSession(db, session.id, params.topic_id ?? '');
}

export const topicRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/:topic_id/topics',
    who: 'user',
    summary: 'Start a topic, in a session that exists or is made for it; all or nothing',
    body: topicBody,
    example: {
      session_id: 's-1001',
      user_id: 'P1001',
      name: '血压偏高',
      session_name: '王小明的家庭医生',
      session_type: 1,
      participants: [{ id: 'P1001' }, { id: 'D2016008240003', role: 1 }],
      messages: [{ sender_id: 'P1001', type: 1, content: '最近血压有点高' }],
    },
    problems: ['forbidden', 'conflict', 'rate_limited'],
    responses: { 201: { description: 'started', schema: wire.topic } },
    handle: async ({ context, principal, params, body, bodyText }) => {
      const source = (index: number) => sourceAt(bodyText, ['messages', index, 'content']);
      const messages = body.messages?.map((each, index) => ({ ...each, source: () => source(index) }));
      const topic = await startTopic(context, principal, params.topic_id ?? '', { ...body, messages });
      return { status: 201, body: topicView(topic) };
    },
  }),
  route({
    method: 'GET',
    path: '/topics',
    who: 'user',
    summary: 'Topics, newest first',
    query: page.extend({
      user_id: forUserOrNobody,
      session_id: sessionId.optional(),
      status: queryChoice(0, 10).optional(),
      reply: queryChoice(0, 1).optional(),
      type: queryTopicType.optional(),
      ...startedBetween,
    }),
    problems: ['forbidden', 'not_found'],
    responses: { 200: { description: 'a page', schema: listOf(wire.topic) } },
    handle: async ({ context, principal, query }) => {
      const db = context.database.kysely;
      const user = namedUser(principal, query.user_id);
      if (user !== undefined) await requireUser(db, principal, user);
      if (query.session_id !== undefined) await visibleSession(db, principal, query.session_id, user);
      const rows = await findTopics(
        db,
        {
          userId: user,
          sessionId: query.session_id,
          status: query.status,
          reply: query.reply,
          type: query.type,
          from: query.from === undefined ? undefined : toSqlTime(query.from),
          to: query.to === undefined ? undefined : toSqlTime(query.to),
        },
        query.limit,
        query.cursor && { time: query.cursor[0], id: query.cursor[1] },
      );
      return {
        status: 200,
        body: pageOf(rows, query.limit, topicView, (row) => [row.create_time, row.id]),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/topics/count/reply',
    who: 'user',
    summary: "Replies over the topics of a user's sessions; what ended without a reply is not unreplied",
    query: z.object({ user_id: forUser, ...startedBetween }),
    problems: ['forbidden', 'not_found'],
    responses: {
      200: {
        description: 'the counts',
        schema: z
          .object({
            new: z.number().int(),
            replied: z.number().int(),
            ended_unreplied: z.number().int(),
            ended_replied: z.number().int(),
            unreplied: z.number().int(),
          })
          .meta({ id: 'ReplyCounts' }),
      },
    },
    handle: async ({ context, principal, query }) => {
      const id = actingUser(principal, query.user_id);
      const db = context.database.kysely;
      await requireUser(db, principal, id);
      const counts = await replyCounts(db, {
        userId: id,
        from: query.from === undefined ? undefined : toSqlTime(query.from),
        to: query.to === undefined ? undefined : toSqlTime(query.to),
      });
      return { status: 200, body: { ...counts, unreplied: counts.new } };
    },
  }),
  route({
    method: 'GET',
    path: '/topics/:topic_id',
    who: 'user',
    summary: 'One topic',
    responses: { 200: { description: 'the topic', schema: wire.topic } },
    handle: async ({ context, principal, params }) => ({
      status: 200,
      body: topicView(await visibleTopic(context.database.kysely, principal, params.topic_id ?? '')),
    }),
  }),
  route({
    method: 'PUT',
    path: '/topics/:topic_id',
    who: 'user',
    summary: "Change a topic's own fields",
    body: topicChange,
    example: { description: '收缩压 150', reply: 1 },
    responses: { 200: { description: 'the topic', schema: wire.topic } },
    handle: async ({ context, principal, params, body }) => ({
      status: 200,
      body: topicView(await changeTopic(context, principal, params.topic_id ?? '', body)),
    }),
  }),
  route({
    method: 'GET',
    path: '/:session_id/topics/:topic_id/ended',
    who: 'user',
    summary: "Whether a topic has ended; `current` is the session's last one",
    responses: {
      200: {
        description: 'whether it has',
        schema: z
          .object({ session_id: sessionId, topic_id: topicId, ended: z.boolean() })
          .meta({ id: 'TopicEnded' }),
      },
    },
    handle: async (call) => {
      const topic = await sessionTopic(call);
      return {
        status: 200,
        body: {
          session_id: topic.session_id,
          topic_id: topic.id,
          ended: topic.status === TOPIC_STATUS.ended,
        },
      };
    },
  }),
  route({
    method: 'PUT',
    path: '/:session_id/topics/:topic_id/ended',
    who: 'user',
    summary: 'End a topic; ending an ended one changes nothing',
    body: topicEnd,
    example: { user_id: 'D2016008240003', message: '如有不适,请随时联系我们。' },
    problems: ['forbidden'],
    responses: { 200: { description: 'the topic', schema: wire.topic } },
    handle: async ({ context, principal, params, body }) => {
      const topic = await endTopic(context, params.session_id ?? '', params.topic_id ?? '', {
        userId: actingUser(principal, body.user_id),
        userName: body.user_name,
        message: body.message,
        byBackend: principal.kind === 'backend',
      });
      return { status: 200, body: topicView(topic) };
    },
  }),
  route({
    method: 'GET',
    path: '/topic/:topic_id/messages',
    who: 'user',
    summary: "A topic's messages, from its start to its end, oldest first",
    query: messageRange,
    responses: { 200: { description: 'a page', schema: messageList } },
    handle: async ({ context, principal, params, query }) =>
      topicMessages(
        context,
        await visibleTopic(context.database.kysely, principal, params.topic_id ?? ''),
        query,
      ),
  }),
  route({
    method: 'GET',
    path: '/:session_id/topics/:topic_id/messages',
    who: 'user',
    summary: "The same by way of the topic's session",
    query: messageRange,
    responses: { 200: { description: 'a page', schema: messageList } },
    handle: async (call) => topicMessages(call.context, await sessionTopic(call), call.query),
  }),
];
