import { createHash } from 'node:crypto';

export interface PushContent {
  clientId: string;
  /** 32 random hex characters, the same over retries: Getui lets a second one vanish. */
  requestId: string;
  /** How long the push service may keep it, ms. */
  ttlMs: number;
  sessionId: string;
  /** What the app is told of, besides the session and the badge. */
  subject: { message_id: number } | { call_id: string };
  badge: number;
  title: string;
  body: string;
}

type Tree = Readonly<Record<string, unknown>>;

/** The body of a push to one device. */
export function pushBody(content: PushContent, options: Tree): object {
  const { badge, body, clientId, requestId, sessionId, subject, title, ttlMs } = content;
  const digest = createHash('sha256').update(sessionId).digest();
  const channel = {
    ios: {
      type: 'notify',
      auto_badge: String(badge),
      'apns-collapse-id': digest.toString('hex'),
      aps: { alert: { title, body }, sound: 'default' },
    },
    android: {
      ups: { notification: { title, body, click_type: 'startapp', notify_id: digest.readUInt32BE(0) >>> 1 } },
    },
  };
  return {
    request_id: requestId,
    audience: { cid: [clientId] },
    settings: { ttl: ttlMs, strategy: { default: 1, ios: 4 } },
    push_message: { transmission: JSON.stringify({ session_id: sessionId, ...subject, badge }) },
    push_channel: merge(channel, filled(options, { title, body }) as Tree),
  };
}

/** The body that takes a push back: never with `force`, which would show something in its place. */
export function revokeBody(clientId: string, requestId: string, taskId: string): object {
  const revoke = { old_task_id: taskId };
  return {
    request_id: requestId,
    audience: { cid: [clientId] },
    push_message: { revoke },
    push_channel: { android: { ups: { revoke } } },
  };
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` laid over `base`, key by key, deep. */
function merge(base: Tree, over: Tree): Tree {
  const merged = Object.entries(over).map(([key, value]): [string, unknown] => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isTree(value) && isTree(below) ? merge(below, value) : value];
  });
  return Object.fromEntries([...Object.entries(base), ...merged]);
}

/** `value` with `{title}` and `{body}` filled in all its texts. What they hold is never taken for a placeholder. */
function filled(value: unknown, texts: { title: string; body: string }): unknown {
  if (typeof value === 'string')
    return value.replace(/\{(title|body)\}/g, (_whole, name: 'title' | 'body') => texts[name]);
  if (Array.isArray(value)) return value.map((each) => filled(each, texts));
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, texts)]));
}
