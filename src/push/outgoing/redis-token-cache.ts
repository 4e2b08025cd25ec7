import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { type AccessToken, type TokenCache } from './access-token';

/** Deletes a key if it holds this value: https://redis.io/docs/latest/commands/set/#patterns */
const DELETE_IF = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;
/** The same for the token within a kept value, which has been parsed by Redis. */
const DROP_IF = `local kept = redis.call('get', KEYS[1])
if kept and cjson.decode(kept).token == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

export interface RedisTokenCacheOptions {
  host: 'wechat' | 'getui';
  appId: string;
  /** What the work under the lock takes at most, ms: two HTTP calls' limits. */
  workMs?: number;
}

/** Redis itself may take so long before and after the work. */
const MARGIN_MS = 2_000;
const POLL_MS = 50;

/**
 * A host's access token, shared by all processes through Redis. Each method rejects within a second or so while Redis is
 * away (the connection's own limit).
 */
export function redisTokenCache(redis: Redis, options: RedisTokenCacheOptions): TokenCache {
  const { appId, host, workMs = 10_000 } = options;
  const key = `im:${host}:token:${createHash('sha256').update(appId).digest('hex').slice(0, 16)}`;
  const lock = `${key}:lock`;

  return {
    get: async () => {
      const text = await redis.get(key);
      return text === null ? undefined : parse(text);
    },
    set: async (token) => {
      const lifetime = Math.ceil(token.expiresAt - Date.now());
      if (lifetime > 0) await redis.set(key, JSON.stringify(token), 'PX', lifetime);
    },
    drop: async (token) => {
      await redis.eval(DROP_IF, 1, key, token);
    },
    exclusively: async (work) => {
      const holder = randomUUID();
      const giveUp = performance.now() + workMs + MARGIN_MS;
      // A holder that died leaves the lock to its end; so nobody waits longer than for one that lives. Behind several, each
      // of whom was answered too late, the host must not be asked beside the one whose turn it is.
      while ((await redis.set(lock, holder, 'PX', workMs + MARGIN_MS, 'NX')) === null) {
        if (performance.now() >= giveUp) return undefined;
        await sleep(POLL_MS);
      }
      try {
        return await work();
      } finally {
        void redis.eval(DELETE_IF, 1, lock, holder).catch(() => undefined);
      }
    },
  };
}

/** What another version of the server may have kept is no token. */
function parse(text: string): AccessToken | undefined {
  const value = JSON.parse(text) as Partial<AccessToken> | null;
  if (
    typeof value?.token !== 'string' ||
    typeof value.renewAt !== 'number' ||
    typeof value.expiresAt !== 'number'
  ) {
    return undefined;
  }
  return { token: value.token, renewAt: value.renewAt, expiresAt: value.expiresAt };
}
