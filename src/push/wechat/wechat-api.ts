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

/** Says what went wrong without the address, which holds the access token. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no connection';
  if (error.name === 'TimeoutError') return 'no answer in time';
  if (error.name === 'AbortError') return 'shutting down';
  const cause = error.cause as { code?: unknown } | undefined;
  return typeof cause?.code === 'string' ? `no connection: ${cause.code}` : 'no connection';
}

/**
 * Calls WeChat's HTTP API with the platform's fetch: it keeps connections alive, one signal bounds connecting, headers and body
 * together, and there is no agent to close. `timeoutMs` bounds each call.
 */
export function createWechatApi(base: string, timeoutMs: number): WechatApi {
  const root = base.endsWith('/') ? base : `${base}/`;
  const underWay = new Set<AbortController>();
  let closed = false;
  return {
    post: async (path, body) => {
      if (closed) return { ok: false, reason: 'shutting down' };
      const controller = new AbortController();
      underWay.add(controller);
      const limit = setTimeout(() => controller.abort(new DOMException('', 'TimeoutError')), timeoutMs);
      let text: string;
      try {
        const response = await fetch(new URL(path, root), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
          // A redirect would carry the token, or the secret, elsewhere.
          redirect: 'manual',
          signal: controller.signal,
        });
        text = await response.text();
        if (response.status >= 500 || (response.status >= 300 && response.status < 400)) {
          return { ok: false, reason: `HTTP ${response.status}` };
        }
      } catch (error) {
        return { ok: false, reason: reasonOf(error) };
      } finally {
        clearTimeout(limit);
        underWay.delete(controller);
      }
      try {
        const parsed: unknown = JSON.parse(text);
        if (isObject(parsed)) return { ok: true, body: parsed, text };
      } catch {
        // Falls through: what is no JSON is no answer of WeChat's.
      }
      return { ok: false, reason: 'an answer that is no JSON object' };
    },
    close: () => {
      closed = true;
      for (const controller of underWay) controller.abort();
    },
  };
}
