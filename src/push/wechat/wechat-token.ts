import { log } from '../../logger';
import { type WechatApi } from './wechat-api';

/** An access token; times in milliseconds since the epoch. */
export interface WechatToken {
  token: string;
  /** From here on a new one is asked for; the old one still works. */
  renewAt: number;
  expiresAt: number;
}

/**
 * Where the token is kept. A shared one makes several processes use one token. Each method must settle within a second or so; one
 * that rejects is treated as an empty cache, and the process goes on with its own.
 */
export interface WechatTokenCache {
  get(): Promise<WechatToken | undefined>;
  /** May forget the token at its `expiresAt`. */
  set(token: WechatToken): Promise<void>;
  /** Forgets the token if it is this one: another process may have put a newer one there. */
  drop(token: string): Promise<void>;
  /**
   * Runs `work` while no other process runs its own, and gives back its result; inside, the cache is read again. `work` takes at
   * most one HTTP call's time limit and never rejects. Undefined: others were at work all that time, and it was not run.
   */
  exclusively?<T>(work: () => Promise<T>): Promise<T | undefined>;
}

export function memoryTokenCache(): WechatTokenCache {
  let kept: WechatToken | undefined;
  return {
    get: () => Promise.resolve(kept),
    set: (token) => {
      kept = token;
      return Promise.resolve();
    },
    drop: (token) => {
      if (kept?.token === token) kept = undefined;
      return Promise.resolve();
    },
  };
}

/** A token that works, or why there is none: WeChat's code, where it gave one. */
export type TokenResult = { ok: true; token: string } | { ok: false; errcode?: number; reason: string };

export interface TokenSource {
  /** Never rejects. However many ask at once, WeChat is asked once. */
  token(): Promise<TokenResult>;
  /** Says that WeChat has refused this token: it is not given out again. */
  refused(token: string): Promise<void>;
}

const RENEW_EARLY_MS = 5 * 60 * 1000;

/** No set-up faults: WeChat is busy, asked too often, or has had its day's fill. */
const PASSING = new Set([-1, 45009, 45011]);

/**
 * Gets and keeps the access token.
 * https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html
 */
export function createTokenSource(
  api: WechatApi,
  account: { appId: string; appSecret: string },
  shared: WechatTokenCache = memoryTokenCache(),
): TokenSource {
  // Serves while the shared cache is away, so that not every message asks WeChat for a token.
  const own = memoryTokenCache();
  let asking: Promise<TokenResult> | undefined;

  async function cached(): Promise<WechatToken | undefined> {
    try {
      const kept = await shared.get();
      if (kept !== undefined) await own.set(kept);
      return kept;
    } catch {
      return await own.get();
    }
  }

  async function ask(): Promise<TokenResult> {
    const askedAt = Date.now();
    const answer = await api.post('cgi-bin/stable_token', {
      grant_type: 'client_credential',
      appid: account.appId,
      secret: account.appSecret,
      force_refresh: false,
    });
    if (!answer.ok) return { ok: false, reason: `stable_token: ${answer.reason}` };
    const { access_token: token, expires_in: seconds, errcode } = answer.body;
    if (typeof token === 'string' && token !== '') {
      const lifetime = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 0;
      // A lifetime under ten minutes is halved: five minutes early could be before its beginning.
      const early = Math.min(RENEW_EARLY_MS, lifetime / 2);
      const expiresAt = askedAt + lifetime;
      const fresh = { token, renewAt: expiresAt - early, expiresAt };
      await own.set(fresh);
      await shared.set(fresh).catch(() => undefined);
      return { ok: true, token };
    }
    if (typeof errcode !== 'number') return { ok: false, reason: 'stable_token: an answer without a token' };
    if (!PASSING.has(errcode)) log.error(`WeChat refuses to give an access token: errcode ${errcode}`);
    return { ok: false, errcode, reason: `stable_token: errcode ${errcode}` };
  }

  async function renew(): Promise<TokenResult> {
    const work = async (): Promise<TokenResult> => {
      const now = await cached();
      return now !== undefined && Date.now() < now.renewAt ? { ok: true, token: now.token } : await ask();
    };
    if (shared.exclusively === undefined) return await work();
    const result = await shared.exclusively(work).catch(() => work());
    return result ?? { ok: false, reason: 'stable_token: other processes are asking' };
  }

  return {
    token: async () => {
      const now = await cached();
      if (now !== undefined && Date.now() < now.renewAt) return { ok: true, token: now.token };
      asking ??= renew().finally(() => {
        asking = undefined;
      });
      const result = await asking;
      if (result.ok || now === undefined || Date.now() >= now.expiresAt) return result;
      return { ok: true, token: now.token };
    },
    refused: async (token) => {
      await own.drop(token);
      await shared.drop(token).catch(() => undefined);
    },
  };
}
