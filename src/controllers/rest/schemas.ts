import { z } from 'zod';
import { messageId, sessionId, topicId, userId } from '../../model/identifiers';
import { name, text } from '../../model/text';
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
export const userType = z.enum(USER_TYPES);
export const platform = z.enum(PLATFORMS);
export const role = z.union([z.literal(0), z.literal(1)]).meta({ description: '0 member, 1 owner' });
export const sessionType = z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]);
export const zeroOrOne = z.union([z.literal(0), z.literal(1)]);
export const participant = z.object({ id: userId, role: role.optional() });
export const participants = z.array(participant).max(MAX_ITEMS);
export const userIds = z.array(userId).max(MAX_ITEMS);
export const clientId = text(1, 128);
export const clientMsgId = text(1, 128).meta({ example: '5f0c9c1e-2d1b-4b0e-9a7e-0d3c5f1a2b3c' });

export const onUser = z.object({ user_id: userId.optional() });
export const page = z.object({ limit, cursor: z.string().max(1024).optional() });
export const messageRange = z.object({
  before: queryMessageId.optional(),
  after: queryMessageId.optional(),
  limit,
});

/** A moment in a query, ISO 8601 with its offset, as ms since the epoch. */
export const moment = z.iso
  .datetime({ offset: true, message: 'a time in ISO 8601 with its offset' })
  .transform((value) => Date.parse(value))
  .meta({ type: 'string', format: 'date-time' });

/** A calendar day. */
export const day = z.iso.date('a day as YYYY-MM-DD').meta({ example: '1960-05-17' });

const time = z.iso.datetime().meta({ example: '2026-11-22T08:00:17.123Z' });
const content = z.union([z.string(), z.record(z.string(), z.json())]);

/** What routes answer: the wire forms that the views make, for the documentation. */
export const wire = {
  user: z
    .object({
      id: userId,
      type: userType,
      name,
      sex: z.number().int(),
      birthdate: day.nullable(),
      avatar: z.string().nullable(),
      openid: z.string().nullable().optional().meta({ description: 'for the backend alone' }),
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
      business_type: z.number().int(),
      status: zeroOrOne,
      create_date: time,
      last_sender_id: z.string().nullable(),
      last_sender_name: z.string().nullable(),
      last_content_type: z.number().int().nullable(),
      last_content: content.nullable(),
      last_message_time: time.nullable(),
    })
    .meta({ id: 'Session' }),
  participant: z
    .object({
      id: userId,
      type: userType,
      name,
      avatar: z.string().nullable(),
      role,
      last_fetch_time: time,
    })
    .meta({ id: 'Participant' }),
  avatar: z.object({ id: userId, name, avatar: z.string().nullable() }).meta({ id: 'Avatar' }),
  topic: z
    .object({
      id: topicId,
      session_id: sessionId,
      name,
      description: z.string().nullable(),
      type: z.number().int(),
      status: z.union([z.literal(0), z.literal(10)]),
      reply: zeroOrOne,
      create_time: time,
      start_message_id: messageId,
      end_message_id: messageId.nullable(),
      end_time: time.nullable(),
      end_by: z.string().nullable(),
      end_by_name: z.string().nullable(),
    })
    .meta({ id: 'Topic' }),
  message: z
    .object({
      id: messageId,
      session_id: sessionId,
      sender_id: z.string(),
      sender_name: z.string(),
      type: z.number().int(),
      content,
      timestamp: time,
      client_msg_id: z.string().nullable(),
    })
    .meta({ id: 'Message' }),
};

/** A list that pages by a cursor. */
export function listOf(item: z.ZodType) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}

/** A list of messages, which pages by their ids. */
export const messageList = z.object({ items: z.array(wire.message), more: z.boolean() });
