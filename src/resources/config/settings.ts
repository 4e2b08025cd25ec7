import { z } from 'zod';
import { LOG_LEVELS } from '../../logger';
import { parseFiles } from './files-url';
import { parseMysqlUrl, SSL_MODES } from './mysql-url';
import { WEBHOOK_SETTINGS } from './webhook';
import { TEMPLATE_KINDS, templatesSchema } from './push-settings';

/** Placeholders that a template's fields may hold. */
const PLACEHOLDERS = ['sender_name', 'text', 'time', 'session_name', 'topic_name'] as const;

const integer = (minimum: number, maximum: number) => {
  const message = `an integer from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,11}$/, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message);
};

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

const httpUrl = z.string().refine((text) => isUrl(text, ['http:', 'https:']), 'an http or https URL');

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function isDatabaseUrl(text: string): boolean {
  return text.startsWith('sqlite:') ? text.length > 'sqlite:'.length : parseMysqlUrl(text) !== undefined;
}

/** With a host: the client would take a URL without one for this machine. */
function isRedisUrl(text: string): boolean {
  if (!isUrl(text, ['redis:', 'rediss:'])) return false;
  const { hostname, password, pathname, username } = new URL(text);
  return hostname !== '' && /^(\/\d*)?$/.test(pathname) && [username, password].every(isPercentEncoded);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON text of what `schema` takes; whatever is wrong with it, `message` says what is right. */
function jsonOf<Schema extends z.ZodType>(schema: Schema, message: string) {
  return z.string().transform((text, context): z.output<Schema> => {
    const result = schema.safeParse(parsedJson(text));
    if (result.success) return result.data;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function holdsPlaceholders(text: string): boolean {
  const names = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  return names.every((name) => (PLACEHOLDERS as readonly string[]).includes(name));
}

const templateFields = z
  .record(z.string().regex(/^[a-z_]+\d*$/i), z.string().refine(holdsPlaceholders))
  .refine((fields) => Object.keys(fields).length > 0);

const placeholderNames = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');

const templateData = jsonOf(
  templateFields,
  `JSON, an object of template field to text, with the placeholders ${placeholderNames}`,
);

const otherTemplates = jsonOf(
  templatesSchema(templateFields),
  `JSON, an object of ${TEMPLATE_KINDS.join(', ')} to {"template_id", "data"?}, data as IM_WECHAT_TEMPLATE_DATA`,
);

const pushOptions = jsonOf(
  z.record(z.string(), z.unknown()),
  'JSON, an object that is merged into push_channel, with the placeholders {title}, {body}',
);

const iceServers = jsonOf(
  z.array(
    z.looseObject({
      urls: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
      username: z.string().optional(),
      credential: z.string().optional(),
    }),
  ),
  'JSON, an array of RTCIceServer: [{"urls": "stun:host:port"}]',
);

const filesMessage =
  'file:<folder>, off, or s3://bucket/prefix with region=, endpoint=http(s)://host:port and path_style=true|false where needed';

const filesPlace = z.string().transform((text, context) => {
  const place = parseFiles(text);
  if (place !== undefined) return place;
  context.addIssue({ code: 'custom', message: filesMessage });
  return z.NEVER;
});

/** What stands before `/api/v2` in the addresses of files. */
const baseUrl = z
  .string()
  .refine((text) => {
    if (!isUrl(text, ['http:', 'https:'])) return false;
    const { hash, password, search, username } = new URL(text);
    return [hash, password, search, username].every((part) => part === '') && !/[?#]/.test(text);
  }, 'an http or https URL without a query')
  .transform((text) => (text.endsWith('/') ? text.slice(0, -1) : text));

const corsMessage =
  '* or a comma-separated list of origins: https://h5.example.com, https://*.example.com, null, or an app’s own such as capacitor://localhost';

/** A scheme of an app's own, which URL does not know how to take apart. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(?::\d{1,5})?$/;

function isOrigin(entry: string): boolean {
  if (entry === 'null') return true;
  const origin = entry.replace('://*.', '://');
  if (/\*|:\/\/\./.test(origin)) return false;
  if (isUrl(origin, ['http:', 'https:'])) return new URL(origin).origin === origin;
  return origin === entry && APP_ORIGIN.test(entry) && !/^(?:https?|wss?|file|data|blob):/.test(entry);
}
const corsOrigins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((origins) => (origins.length === 1 && origins[0] === '*') || origins.every(isOrigin), corsMessage);

const keys = z
  .string()
  .transform((text) => text.split(',').map((key) => key.trim()))
  .refine(
    (list) => list.every((key) => /^[\x21-\x7e]+$/.test(key)),
    'a comma-separated list of keys of visible ASCII characters',
  );

/** Every setting that the server reads from its environment: how its text is checked and what it becomes. */
export const SETTINGS = {
  IM_PORT: integer(0, 65535),
  IM_HOST: z.string().regex(/^[A-Za-z0-9.:_%-]+$/, 'a host name or an IP address'),
  IM_DATABASE_URL: z
    .string()
    .refine(
      isDatabaseUrl,
      `sqlite:<file>, sqlite::memory: or mysql://user:password@host:3306/database, with ssl-mode=${SSL_MODES.join('|')} and ssl-ca=<file> where needed (VERIFY_… needs it, and VERIFY_IDENTITY the host’s name)`,
    ),
  IM_DATABASE_CONNECTIONS: integer(2, 1_000).prefault('10'),
  IM_REDIS_URL: z.string().refine(isRedisUrl, 'redis://host:6379').optional(),
  IM_APP_KEY: keys,
  IM_TOKEN_SECRET: z.string().refine((text) => Buffer.byteLength(text) >= 32, 'a secret of 32 bytes or more'),
  IM_WECHAT_APP_ID: z.string().optional(),
  IM_WECHAT_APP_SECRET: z.string().optional(),
  IM_WECHAT_TEMPLATE_ID: z.string().optional(),
  IM_WECHAT_URL: httpUrl.optional(),
  IM_WECHAT_TEMPLATE_DATA: templateData.prefault(
    '{"thing1":"{sender_name}","thing2":"{text}","time3":"{time}"}',
  ),
  IM_WECHAT_API_BASE: httpUrl.prefault('https://api.weixin.qq.com'),
  IM_WECHAT_TEMPLATES: otherTemplates.prefault('{}'),
  IM_GETUI_APP_ID: z.string().optional(),
  IM_GETUI_APP_KEY: z.string().optional(),
  IM_GETUI_MASTER_SECRET: z.string().optional(),
  IM_GETUI_API_BASE: httpUrl.prefault('https://restapi.getui.com/v2'),
  IM_GETUI_OPTIONS: pushOptions.prefault('{}'),
  IM_PUSH_TEXT: z.enum(['hidden', 'full'], 'hidden or full').prefault('hidden'),
  IM_ACK_TIMEOUT_MS: integer(1, 86_400_000).prefault('10000'),
  IM_SEND_RATE: integer(1, 1_000_000).prefault('20'),
  IM_CORS_ORIGINS: corsOrigins.optional(),
  IM_CALL_TIMEOUT_MS: integer(1, 3_600_000).prefault('45000'),
  IM_CALL_RECONNECT_MS: integer(1, 3_600_000).prefault('15000'),
  IM_HEARTBEAT_MS: integer(10, 3_600_000).prefault('30000'),
  IM_ICE_SERVERS: iceServers.prefault('[]'),
  IM_RETENTION_DAYS: integer(1, 36_500).optional(),
  IM_FILES: filesPlace,
  IM_FILE_MAX_BYTES: integer(1_024, 1_073_741_824).prefault('20971520'),
  IM_FILES_BASE_URL: baseUrl.optional(),
  IM_RECALL_MS: integer(0, 31_536_000_000).prefault('120000'),
  IM_REPLY_REMIND_MS: integer(1_000, 9_999_999_999).optional(),
  ...WEBHOOK_SETTINGS,
  IM_LOG_LEVEL: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).prefault('info'),
  IM_LOG_DIR: z.string().optional(),
} as const;

export type SettingName = keyof typeof SETTINGS;
