import { createHash } from 'node:crypto';
import { type ProxyConfig } from '../../resources/config/config';
import { type AskedToken, createTokenSource, type TokenCache } from '../outgoing/access-token';
import { createOutgoingHttp } from '../outgoing/outgoing-http';
import { rareError } from '../outgoing/rare-error';

export interface GetuiAccount {
  appId: string;
  appKey: string;
  masterSecret: string;
}

export interface GetuiApiOptions extends GetuiAccount {
  apiBase: string;
  /** Limit of each HTTP call. */
  timeoutMs: number;
  /** In memory by default. */
  tokenCache?: TokenCache | undefined;
  proxy?: ProxyConfig | undefined;
}

/** What Getui answered, or why there is no answer: then the same call may be made again later. */
export type GetuiAnswer =
  { ok: true; code: number; msg: string; data: unknown } | { ok: false; reason: string; isFinal?: boolean };

export interface GetuiApi {
  /** POSTs `body` as JSON to `path`, with a token; where Getui refuses it, once more with another one. Never rejects. */
  post(path: string, body: unknown): Promise<GetuiAnswer>;
  /** Breaks off the calls under way. */
  close(): void;
}

const TOKEN_REFUSED = 10001;
const MSG_LENGTH = 200;

/** Codes after which the same call may be made again: Getui is busy, or asked too often. */
const PASSING = new Set([2, 10003, 10005]);

export function isPassing(code: number): boolean {
  return PASSING.has(code);
}

/**
 * Calls Getui's HTTP API, version 2. The body's code decides; the HTTP status only where there is none.
 * https://docs.getui.com/getui/server/rest_v2/introduction/
 */
export function createGetuiApi(options: GetuiApiOptions): GetuiApi {
  const { apiBase, appId, appKey, masterSecret, proxy, timeoutMs, tokenCache } = options;
  const root = `${apiBase.replace(/\/$/, '')}/${encodeURIComponent(appId)}`;
  const http = createOutgoingHttp(proxy);
  const refusesToken = rareError();
  const refusesToGive = rareError();

  async function call(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<GetuiAnswer> {
    const answer = await http.post(root + path, { headers, body: JSON.stringify(body), timeoutMs });
    if (!answer.ok) return answer;
    const { code, data, msg } = parsed(answer.text);
    if (typeof code === 'number')
      return { ok: true, code, data, msg: typeof msg === 'string' ? msg.slice(0, MSG_LENGTH) : '' };
    return { ok: false, reason: `HTTP ${answer.status} without a code`, isFinal: answer.status < 500 };
  }

  /** https://docs.getui.com/getui/server/rest_v2/token/ */
  async function ask(): Promise<AskedToken> {
    const timestamp = String(Date.now());
    const sign = createHash('sha256').update(`${appKey}${timestamp}${masterSecret}`).digest('hex');
    const answer = await call('/auth', { sign, timestamp, appkey: appKey });
    if (!answer.ok) return { ok: false, reason: `auth: ${answer.reason}` };
    const { code } = answer;
    if (code !== 0) {
      if (!isPassing(code)) refusesToGive(`Getui refuses to give an access token: code ${code}`);
      return { ok: false, code, reason: `auth: code ${code}` };
    }
    const { expire_time: expires, token } = (answer.data ?? {}) as { expire_time?: unknown; token?: unknown };
    if (typeof token !== 'string' || token === '')
      return { ok: false, reason: 'auth: an answer without a token' };
    const lifetimeMs = Number(expires) - Date.now();
    return { ok: true, token, lifetimeMs: lifetimeMs > 0 ? lifetimeMs : 0 };
  }

  const tokens = createTokenSource({ ask }, tokenCache);

  /** One call with one token; gives back that token where Getui refuses it. */
  async function attempt(path: string, body: unknown): Promise<GetuiAnswer | { refused: string }> {
    const got = await tokens.token();
    if (!got.ok) return { ok: false, reason: got.reason };
    const answer = await call(path, body, { token: got.token });
    return answer.ok && answer.code === TOKEN_REFUSED ? { refused: got.token } : answer;
  }

  return {
    post: async (path, body) => {
      const first = await attempt(path, body);
      if (!('refused' in first)) return first;
      await tokens.refused(first.refused);
      const second = await attempt(path, body);
      if (!('refused' in second)) return second;
      await tokens.refused(second.refused);
      refusesToken(`Getui refuses the renewed access token too: code ${TOKEN_REFUSED}`);
      return { ok: false, reason: `code ${TOKEN_REFUSED}` };
    },
    close: () => http.close(),
  };
}

function parsed(text: string): { code?: unknown; data?: unknown; msg?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // A gateway's page: the HTTP status decides.
    return {};
  }
}
