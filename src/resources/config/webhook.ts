import { z } from 'zod';
import { ConfigError } from './config-error';

/** What the platform can hear of, in the order of the documentation. */
export const EVENT_TYPES = [
  'message.created',
  'message.recalled',
  'topic.started',
  'topic.replied',
  'topic.ended',
  'topic.overdue',
  'participants.changed',
  'call.ended',
  'notice.failed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** How much of messages and topics an event holds. */
export type WebhookContent = 'ids' | 'full';

export interface WebhookConfig {
  /** May hold a user, a password and a query with secrets: for the client alone, never for the log. */
  url: string;
  /** Keys that all sign: while they rotate there are several. */
  keys: Buffer[];
  /** Those that are written. */
  events: ReadonlySet<EventType>;
  content: WebhookContent;
  /** The waits between the tries. */
  retryMs: number[];
}

const SECRET_PREFIX = 'whsec_';
const KEY_BYTES = { least: 24, most: 64 };
const MOST_WAITS = 20;
const LONGEST_WAIT_MS = 31_536_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability */
const DEFAULT_WAITS_MS = [
  5_000,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** The parts of a comma-separated list; blanks around them are fine. */
function listed(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

/** The key of a secret; undefined where it is none. */
function keyOf(secret: string): Buffer | undefined {
  const text = secret.slice(SECRET_PREFIX.length);
  const key = Buffer.from(text, 'base64');
  const isBase64 = key.toString('base64').replaceAll('=', '') === text.replaceAll('=', '');
  const fits = key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most;
  return secret.startsWith(SECRET_PREFIX) && isBase64 && fits ? key : undefined;
}

/** With a user and a password that can be read, where there are some. */
function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { password, protocol, username } = new URL(text);
  try {
    decodeURIComponent(username + password);
    return ['http:', 'https:'].includes(protocol);
  } catch {
    return false;
  }
}

/** The webhook's settings: how their texts are checked and what they become. */
export const WEBHOOK_SETTINGS = {
  IM_WEBHOOK_URL: z.string().refine(isUrl, 'an http or https URL').optional(),
  IM_WEBHOOK_SECRET: z
    .string()
    .transform((text) => listed(text).map(keyOf))
    .refine(
      (keys): keys is Buffer[] => !keys.includes(undefined),
      `${SECRET_PREFIX} and base64 of ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes, or a comma-separated list of such`,
    )
    .optional(),
  IM_WEBHOOK_EVENTS: z
    .string()
    .transform(listed)
    .refine(
      (names): names is EventType[] =>
        names.every((name) => (EVENT_TYPES as readonly string[]).includes(name)),
      `a comma-separated list of ${EVENT_TYPES.join(', ')}`,
    )
    .optional(),
  IM_WEBHOOK_CONTENT: z.enum(['ids', 'full'], 'ids or full').prefault('ids'),
  IM_WEBHOOK_RETRY_MS: z
    .string()
    .transform(listed)
    .refine(
      (waits) =>
        waits.length <= MOST_WAITS &&
        waits.every((wait) => /^\d{1,11}$/.test(wait) && Number(wait) <= LONGEST_WAIT_MS),
      `1 to ${MOST_WAITS} comma-separated integers from 0 to ${LONGEST_WAIT_MS}`,
    )
    .transform((waits) => waits.map(Number))
    .prefault(DEFAULT_WAITS_MS.join(',')),
} as const;

/** @throws ConfigError where there is a URL without a secret, or a secret without a URL */
export function webhookFrom(
  url: string | undefined,
  keys: Buffer[] | undefined,
  events: readonly EventType[] | undefined,
  content: WebhookContent,
  retryMs: number[],
): WebhookConfig | undefined {
  if (url !== undefined && keys !== undefined)
    return { url, keys, events: new Set(events ?? EVENT_TYPES), content, retryMs };
  if (url === undefined && keys === undefined) return undefined;
  const missing = url === undefined ? 'IM_WEBHOOK_URL' : 'IM_WEBHOOK_SECRET';
  throw new ConfigError(
    `${missing} is required: IM_WEBHOOK_URL and IM_WEBHOOK_SECRET are set both or neither`,
  );
}
