import { hash, randomUUID } from 'node:crypto';
import { z } from 'zod';

const ID = /^(?!\.+$)[A-Za-z0-9._:@-]{1,128}$/;

/** Words that stand in paths where an id could stand. */
const RESERVED = {
  session: ['recent', 'topics', 'topic', 'unread_message_count'],
  topic: ['current', 'count', 'statistics'],
  user: ['login', 'logout', 'avatars', 'system'],
} as const;

export type IdKind = keyof typeof RESERVED;

/** The sender of what the platform itself says. */
export const SYSTEM_USER = { id: 'system', name: '系统' } as const;

/** Whether `text` can be an id of this kind. */
export function isId(kind: IdKind, text: string): boolean {
  return ID.test(text) && !(RESERVED[kind] as readonly string[]).includes(text);
}

function idSchema(kind: IdKind) {
  return z
    .string()
    .regex(ID, '1 to 128 characters of A-Z a-z 0-9 . _ : @ -, not dots alone')
    .refine((text) => !(RESERVED[kind] as readonly string[]).includes(text), 'a reserved word')
    .meta({ example: { session: 's-1001', topic: 't-1001', user: 'D2016008240003' }[kind] });
}

export const sessionId = idSchema('session');

/** The sessions of what the platform tells one user. */
const NOTICE_PREFIX = 'notice:';
const LONG_NOTICE_PREFIX = 'notice-sha256:';
const ID_LENGTH = 128;

/** The id of a session that somebody makes: those of notices are the server's. */
export const newSessionId = sessionId.refine(
  (id) => !id.startsWith(NOTICE_PREFIX) && !id.startsWith(LONG_NOTICE_PREFIX),
  `not ${NOTICE_PREFIX}… or ${LONG_NOTICE_PREFIX}…, which are reserved`,
);

/** The id of the user's own session for notices. */
export function noticeSessionId(user: string): string {
  const id = NOTICE_PREFIX + user;
  return id.length <= ID_LENGTH ? id : LONG_NOTICE_PREFIX + hash('sha256', user, 'hex');
}

export const topicId = idSchema('topic');
export const userId = idSchema('user');

/** The id of a webhook's event. */
export const eventId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 characters of A-Z a-z 0-9 _ -')
  .meta({ example: '0mhzq6w1c000000h5f0c9c1e2d1b4b0e9a7e' });

/** A message's id: an integer below 2^53. */
export const messageId = z.number().int().positive().max(Number.MAX_SAFE_INTEGER).meta({ example: 1024 });

/** The number of a row that the platform may ask about. */
export const rowId = z.number().int().positive().max(Number.MAX_SAFE_INTEGER).meta({ example: 17 });

export function newId(): string {
  return randomUUID();
}

/**
 * What makes a send unique: a digest of its session, its sender and the sender's own `client_msg_id`. A digest, since
 * databases differ in whether trailing blanks count, and since it keeps the unique index small.
 */
export function clientKey(session: string, sender: string, clientMsgId: string): string {
  return hash('sha256', JSON.stringify([session, sender, clientMsgId]), 'base64url');
}

/** What the push service calls an app on a phone. */
export const clientId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 characters of A-Z a-z 0-9 _ -')
  .meta({ example: 'f2a6d1f0c3b44c1d9e7a' });
