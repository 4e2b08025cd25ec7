import { type ProxyConfig } from '../../resources/config/config';
import { createOutgoingHttp } from '../outgoing/outgoing-http';

/** What came back from one HTTP call: WeChat's JSON object, or why there is none. */
export type ApiAnswer =
  { ok: true; body: Record<string, unknown>; text: string } | { ok: false; reason: string };

export interface WechatApi {
  /** POSTs `body` as JSON to `path` (relative, with its query). Never rejects. */
  post(path: string, body: unknown): Promise<ApiAnswer>;
  /** Breaks off the calls under way; they and all later ones answer with a reason. */
  close(): void;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Calls WeChat's HTTP API. `timeoutMs` bounds each call. */
export function createWechatApi(base: string, timeoutMs: number, proxy: ProxyConfig | undefined): WechatApi {
  const root = base.endsWith('/') ? base : `${base}/`;
  const http = createOutgoingHttp(proxy);
  return {
    post: async (path, body) => {
      const answer = await http.post(new URL(path, root), { body: JSON.stringify(body), timeoutMs });
      if (!answer.ok) return answer;
      const { status, text } = answer;
      if (status >= 500 || (status >= 300 && status < 400)) return { ok: false, reason: `HTTP ${status}` };
      try {
        const parsed: unknown = JSON.parse(text);
        if (isObject(parsed)) return { ok: true, body: parsed, text };
      } catch {
        // Falls through: what is no JSON is no answer of WeChat's.
      }
      return { ok: false, reason: 'an answer that is no JSON object' };
    },
    close: () => http.close(),
  };
}
