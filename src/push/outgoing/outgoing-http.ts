import { type Dispatcher, EnvHttpProxyAgent, fetch } from 'undici';
import { type ProxyConfig } from '../../resources/config/config';

/** What came back from a call: a whole answer, whatever its status, or why there is none. */
export type HttpAnswer =
  { ok: true; status: number; headers: Headers; text: string } | { ok: false; reason: string };

/** A part of the standard's interface. */
type Headers = Pick<globalThis.Headers, 'get'>;

export interface PostOptions {
  headers?: Readonly<Record<string, string>>;
  body: string;
  /** Bounds the whole call: connecting, headers and, where it is read, the body. */
  timeoutMs: number;
  /** false: the body is not waited for, and `text` is empty. */
  readsBody?: boolean;
}

/** Calls to other hosts. */
export interface OutgoingHttp {
  /** Never rejects, and never follows a redirect: it would carry tokens elsewhere. `url` holds no user nor password. */
  post(url: string | URL, options: PostOptions): Promise<HttpAnswer>;
  /** Breaks off the calls under way; they and all later ones answer with a reason. */
  close(): void;
}

const LONGEST_ANSWER = 1024 * 1024;

/** Says what went wrong without the address, which may hold a token. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no connection';
  if (error.name === 'TimeoutError') return 'no answer in time';
  if (error.name === 'AbortError') return 'shutting down';
  const cause = error.cause as { code?: unknown } | undefined;
  return typeof cause?.code === 'string' ? `no connection: ${cause.code}` : 'no connection';
}

/** What undici's own functions take to reach other hosts as `createOutgoingHttp` does. */
export function proxyDispatcher(proxy: ProxyConfig | undefined): Dispatcher {
  // Empty texts, so that it does not read the environment by itself: config.ts does.
  return new EnvHttpProxyAgent({
    httpProxy: '',
    httpsProxy: proxy?.url ?? '',
    noProxy: proxy?.except ?? '',
    maxResponseSize: LONGEST_ANSWER,
  });
}

/**
 * Calls over https go through `proxy`, where there is one, but for the hosts that it excepts. Calls over plain http go
 * straight: they are for hosts beside this one.
 * @param proxy undefined: all calls go straight
 */
export function createOutgoingHttp(proxy: ProxyConfig | undefined): OutgoingHttp {
  const dispatcher = proxyDispatcher(proxy);
  const underWay = new Set<AbortController>();
  let closed = false;
  return {
    post: async (url, { body, headers, readsBody = true, timeoutMs }) => {
      if (closed) return { ok: false, reason: 'shutting down' };
      const controller = new AbortController();
      underWay.add(controller);
      const limit = setTimeout(() => controller.abort(new DOMException('', 'TimeoutError')), timeoutMs);
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body,
          redirect: 'manual',
          signal: controller.signal,
          dispatcher,
        });
        const text = readsBody ? await response.text() : '';
        if (!readsBody) await response.body?.cancel();
        return { ok: true, status: response.status, headers: response.headers, text };
      } catch (error) {
        return { ok: false, reason: reasonOf(error) };
      } finally {
        clearTimeout(limit);
        underWay.delete(controller);
      }
    },
    close: () => {
      closed = true;
      for (const controller of underWay) controller.abort();
      void dispatcher.destroy();
    },
  };
}
