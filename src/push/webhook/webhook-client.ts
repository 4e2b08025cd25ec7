import { createHmac } from 'node:crypto';
import { type Dispatcher, request } from 'undici';
import { type ProxyConfig } from '../../resources/config/config';
import { type WebhookConfig } from '../../resources/config/webhook';
import { proxyDispatcher } from '../outgoing/outgoing-http';

/** From connecting to the status line. */
const ANSWER_LIMIT_MS = 15_000;
/** What comes behind the status line is thrown away; reading a short body keeps the connection for the next request. */
const BODY_LIMIT = { bytes: 64 * 1024, ms: 5_000 };

export type WebhookAnswer =
  | { result: 'answered'; status: number; retryAfter: string | undefined }
  | { result: 'failed'; reason: string }
  /** By `close`. */
  | { result: 'broken off' };

/** Sends events as Standard Webhooks 1.0.0 has it (https://www.standardwebhooks.com). */
export class WebhookClient {
  readonly #closing = new AbortController();
  readonly #dispatcher: Dispatcher;
  readonly #url: string;
  readonly #authorization: Record<string, string>;

  /** @param limitMs how long the status line may take, from connecting on. @param proxy undefined: requests go straight */
  constructor(
    private readonly config: Pick<WebhookConfig, 'url' | 'keys'>,
    private readonly limitMs = ANSWER_LIMIT_MS,
    proxy?: ProxyConfig,
  ) {
    this.#dispatcher = proxyDispatcher(proxy);
    const url = new URL(config.url);
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    this.#authorization =
      user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` };
    url.username = '';
    url.password = '';
    url.hash = '';
    this.#url = url.href;
  }

  /** One try. Redirects are not followed. @param id the same over all tries of one event */
  async post(id: string, body: string): Promise<WebhookAnswer> {
    const timestamp = Math.floor(Date.now() / 1000);
    const late = AbortSignal.timeout(this.limitMs);
    try {
      const {
        body: rest,
        headers,
        statusCode,
      } = await request(this.#url, {
        method: 'POST',
        headers: {
          ...this.#authorization,
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatures(this.config.keys, `${id}.${timestamp}.${body}`),
        },
        body,
        dispatcher: this.#dispatcher,
        // The signal tells when it is too late.
        headersTimeout: 0,
        signal: AbortSignal.any([this.#closing.signal, late]),
      });
      rest
        .dump({ limit: BODY_LIMIT.bytes, signal: AbortSignal.timeout(BODY_LIMIT.ms) })
        // The status line has said all; a body that breaks off costs its connection alone.
        .catch(() => undefined);
      const retryAfter = headers['retry-after'];
      return {
        result: 'answered',
        status: statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      };
    } catch (error) {
      if (this.#closing.signal.aborted) return { result: 'broken off' };
      return { result: 'failed', reason: late.aborted ? 'no answer in time' : codeOf(error) };
    }
  }

  /** Breaks off the tries under way; there are no more. */
  close(): void {
    this.#closing.abort();
    void this.#dispatcher.destroy();
  }
}

/** One for each key, so that the receiver may know either while they rotate. */
function signatures(keys: readonly Buffer[], content: string): string {
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}

/** What went wrong, without the text of the error, which may name the URL. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const found = code ?? cause?.code;
  return typeof found === 'string' ? found : 'the connection failed';
}
