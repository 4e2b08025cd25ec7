import { z } from 'zod';
import { USER_REQUIRED } from '../../commands/access/access';
import { type Fault } from '../../errors';
import { messageId, sessionId, topicId, userId } from '../../model/values/identifiers';
import { httpUrl, name, text } from '../../model/values/text';
import { PLATFORMS, USER_TYPES } from '../../model/users';

/** Pieces of requests and answers that several routes share. */

const MAX_ITEMS = 500;

/** A whole number as it stands in a query. */
export function queryInteger(minimum: number, maximum: number) {
  const message = `an integer from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message)
    .meta({ type: 'integer', minimum, maximum });
}

export const limit = queryInteger(1, 200)
  .prefault('50')
  .meta({ type: 'integer', minimum: 1, maximum: 200, default: 50 });
export const queryMessageId = queryInteger(0, Number.MAX_SAFE_INTEGER);

/** One of a few whole numbers as it stands in a query. */
export function queryChoice(...choices: number[]) {
  return z.enum(choices.map(String)).transform(Number).meta({ type: 'integer', enum: choices });
}

export const userType = z.enum(USER_TYPES);
export const platform = z.enum(PLATFORMS);
export const role = z.union([z.literal(0), z.literal(1)]).meta({ description: '0 member, 1 owner' });
export const sessionType = z
  .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])
  .meta({ description: '0 system, 1 consultation (muc), 2 p2p, 3 group', example: 1 });
export const zeroOrOne = z.union([z.literal(0), z.literal(1)]);
const participant = z.object({ id: userId, role: role.optional() });
export const participants = z.array(participant).max(MAX_ITEMS);
export const userIds = z.array(userId).max(MAX_ITEMS);
export const clientMsgId = text(1, 128).meta({ example: '5f0c9c1e-2d1b-4b0e-9a7e-0d3c5f1a2b3c' });

/** The id of the message that a message quotes. */
export const replyTo = messageId
  .nullish()
  .meta({ description: 'quotes this message of the same session', example: 1023 });

/** The user whom a request is for. */
export const forUser = userId
  .optional()
  .meta({ description: 'for the backend, which has to name the user; a user may name only itself' });
/** The same where the backend may do without. */
export const forUserOrNobody = userId
  .optional()
  .meta({ description: 'for the backend, which may name a user; a user may name only itself' });
export const onUser = z.object({ user_id: forUser });

/**
 * The fault of a backend that names no user where a route takes `forUser`, in the query or in the body. Handlers find it,
 * too (`actingUser`); found here, it is listed with the other faults.
 */
export function missingUser(places: readonly { schema: z.ZodType | undefined; given: unknown }[]): Fault[] {
  const asked = places.filter(
    ({ schema }) => schema instanceof z.ZodObject && schema.shape.user_id === forUser,
  );
  const isOpen = asked.every(
    ({ given }) => typeof given === 'object' && given !== null && !('user_id' in given),
  );
  return asked.length > 0 && isOpen ? [{ path: 'user_id', message: USER_REQUIRED }] : [];
}

export const messageRange = z.object({
  before: queryMessageId.optional().meta({ description: 'ids strictly below this one' }),
  after: queryMessageId.optional().meta({ description: 'ids strictly above this one' }),
  limit,
});

/** What MySQL's DATETIME holds. Nothing here is older or younger, so a moment beyond means the same as its end. */
const [EARLIEST, LATEST] = [Date.parse('1000-01-01T00:00:00.000Z'), Date.parse('9999-12-31T23:59:59.999Z')];

const offsetTime = z.iso.datetime({ offset: true, message: 'a time in ISO 8601 with its offset' });

const FINER_THAN_A_MILLISECOND = /\.\d{3}0*[1-9]/;

/**
 * A moment in a query, ISO 8601 with its offset, as ms since the epoch: the first whole one that is not before it, for nothing here is
 * finer. A blank in it was a `+` that nobody encoded (`application/x-www-form-urlencoded` writes blanks so).
 */
const moment = z
  .preprocess((text) => (typeof text === 'string' ? text.replace(' ', '+') : text), offsetTime)
  .transform((value) => {
    const ms = Date.parse(value) + (FINER_THAN_A_MILLISECOND.test(value) ? 1 : 0);
    return Math.min(Math.max(ms, EARLIEST), LATEST);
  })
  .meta({ type: 'string', format: 'date-time', example: '2026-11-22T00:00:00Z' });

/** Fields of a query: the topics of a time. */
export const startedBetween = {
  from: moment.optional().meta({ description: 'create_time at this moment or later' }),
  to: moment.optional().meta({ description: 'create_time before this moment' }),
};

/** A topic's type in a query. */
export const queryTopicType = z
  .string()
  .regex(/^-?\d{1,10}$/, 'an integer')
  .transform(Number)
  .meta({ type: 'integer' });

/** A calendar day. */
export const day = z.iso.date('a day as YYYY-MM-DD').meta({ example: '1960-05-17' });

export const time = z.iso.datetime().meta({ example: '2026-11-22T08:00:17.123Z' });
const content = z
  .union([z.string(), z.record(z.string(), z.json())])
  .meta({ description: 'a string or an object, by the type', example: '您好,今天血压怎么样?' });
/** Of a user or of the platform itself, `system`. */
const senderId = z.string().meta({ example: 'D2016008240003' });
const messageType = z.number().int().min(0).max(14).meta({ example: 1 });

const recalled = z.object({ by: senderId, time });

/** What routes answer: the wire forms that the views make, for the documentation. */
export const wire = {
  user: z
    .object({
      id: userId,
      type: userType,
      name,
      sex: z
        .number()
        .int()
        .meta({ description: 'ISO 5218: 0 unknown, 1 male, 2 female, 9 not applicable', example: 1 }),
      birthdate: day.nullable(),
      avatar: httpUrl.nullable(),
      openid: z.string().nullable().optional().meta({ description: 'shown to the backend alone' }),
    })
    .meta({ id: 'User' }),
  status: z
    .object({
      user_id: userId,
      online: z.boolean(),
      in_background: z.boolean(),
      platform: platform.nullable(),
      last_active_time: time.nullable(),
    })
    .meta({ id: 'Status' }),
  session: z
    .object({
      id: sessionId,
      type: sessionType,
      name,
      business_type: z.number().int().meta({ description: '2 with a patient, else 1', example: 2 }),
      status: zeroOrOne.meta({ description: '1 while a topic is active' }),
      create_date: time,
      last_sender_id: senderId.nullable(),
      last_sender_name: name.nullable(),
      last_content_type: messageType.nullable(),
      last_content: content.nullable(),
      last_message_time: time.nullable(),
    })
    .meta({ id: 'Session' }),
  participant: z
    .object({
      id: userId,
      type: userType,
      name,
      avatar: httpUrl.nullable(),
      role,
      last_fetch_time: time,
    })
    .meta({ id: 'Participant' }),
  avatar: z.object({ id: userId, name, avatar: httpUrl.nullable() }).meta({ id: 'Avatar' }),
  topic: z
    .object({
      id: topicId,
      session_id: sessionId,
      name,
      description: z.string().nullable().meta({ example: '收缩压 150' }),
      type: z.number().int().meta({ example: 0 }),
      status: z.union([z.literal(0), z.literal(10)]).meta({ description: '0 open, 10 ended' }),
      reply: zeroOrOne.meta({ description: '1 once a doctor has sent a message while it was open' }),
      reply_time: time
        .nullable()
        .meta({ description: 'of the message that made `reply` 1; set by hand: of that; null before' }),
      create_time: time,
      start_message_id: messageId,
      end_message_id: messageId.nullable(),
      end_time: time.nullable(),
      end_by: senderId.nullable(),
      end_by_name: name.nullable(),
    })
    .meta({ id: 'Topic' }),
  recall: z
    .object({
      id: z.number().int().positive().meta({ description: 'counts from 1 in each session', example: 1 }),
      message_id: messageId,
      recalled,
    })
    .meta({ id: 'Recall' }),
  message: z
    .object({
      id: messageId,
      session_id: sessionId,
      sender_id: senderId,
      sender_name: name,
      type: messageType,
      content: content.nullable().meta({ description: 'null: it was taken back' }),
      timestamp: time,
      client_msg_id: clientMsgId.nullable(),
      reply_to: z
        .object({
          id: messageId,
          sender_id: senderId,
          sender_name: name,
          type: messageType,
          text: z
            .string()
            .nullable()
            .meta({ description: 'its beginning; null once it was taken back or deleted' }),
        })
        .nullable()
        .meta({ description: 'the message that it quotes' }),
      recalled: recalled.nullable().meta({ description: 'who took it back, and when' }),
    })
    .meta({ id: 'Message' }),
  file: z
    .object({
      id: z.string().meta({ example: '5f0c9c1e2d1b4b0e9a7e0d3c5f1a2b3c.1600x1200.t' }),
      name: name.meta({ example: '照片.jpg' }),
      mime: z.string().meta({ example: 'image/jpeg' }),
      size: z.number().int().meta({ description: 'bytes, as it is kept', example: 482133 }),
      width: z.number().int().optional(),
      height: z.number().int().optional(),
      duration: z.number().optional().meta({ description: 'seconds, where the header tells' }),
      url: z.string().meta({
        description: 'good for a day or two; messages have a new one',
        example: '/api/v2/files/…?exp=…&sig=…',
      }),
      thumbnail: z.string().optional().meta({ example: '/api/v2/files/…?exp=…&sig=…&size=thumbnail' }),
    })
    // `File` is a type of browsers: generated clients would mix them up.
    .meta({ id: 'StoredFile' }),
};

/** A list that pages by a cursor. */
export function listOf(item: z.ZodType) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** A list of messages, which pages by their ids. */
export const messageList = z.object({ items: z.array(wire.message), more: z.boolean() });
