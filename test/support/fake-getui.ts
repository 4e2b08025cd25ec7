import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { type AddressInfo } from 'node:net';
import { waitUntil } from './wait-until';

export type GetuiEndpoint = 'auth' | 'push' | 'badge';

/**
 * What an endpoint does instead of working: a code of Getui's; an HTTP status with a body; no answer ever; the connection closed
 * before, or after, the work was done; the work done after `delayMs`, or once `when` is fulfilled.
 */
export type GetuiScript =
  | { code: number; msg?: string; status?: number; keepsToken?: boolean }
  | { status: number; body?: string }
  | { delayMs: number }
  | { when: Promise<unknown> }
  | 'hang'
  | 'close'
  | 'lose-answer';

export interface GetuiRequest {
  at: number;
  endpoint: GetuiEndpoint;
  path: string;
  /** The whole request as text: what privacy is about. */
  text: string;
  token: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies freely, as they do supertest's
  body: any;
}

const TOKEN_REFUSED = 10001;

/** Getui's REST API, version 2, as far as the server uses it, on a free port of 127.0.0.1. */
export class FakeGetui {
  readonly appId = 'getui-app';
  readonly appKey = 'getui-key';
  readonly masterSecret = 'getui-master-secret';
  /** Lifetime of tokens, ms. */
  lifetimeMs = 86_400_000;
  /** Every call, in the order of arrival. */
  readonly requests: GetuiRequest[] = [];
  /** Pushes that reached a phone: accepted, and no repeat of a `request_id`. Those that take one back are not among them. */
  readonly delivered: GetuiRequest[] = [];
  /** The number on each phone's icon, as the badge calls set it. */
  readonly badges = new Map<string, string>();

  private readonly tokens = new Map<string, number>();
  private readonly seen = new Set<string>();
  private readonly unknown = new Set<string>();
  private readonly next: Record<GetuiEndpoint, GetuiScript[]> = { auth: [], push: [], badge: [] };
  private readonly always = new Map<GetuiEndpoint, GetuiScript>();
  private readonly server = http.createServer((request, response) => {
    void this.serve(request, response);
  });

  static async start(): Promise<FakeGetui> {
    const fake = new FakeGetui();
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v2`;
  }

  /** The settings that make a server use it. */
  get settings(): Record<string, string> {
    return {
      IM_GETUI_APP_ID: this.appId,
      IM_GETUI_APP_KEY: this.appKey,
      IM_GETUI_MASTER_SECRET: this.masterSecret,
      IM_GETUI_API_BASE: this.baseUrl,
    };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  answerNext(endpoint: GetuiEndpoint, ...answers: GetuiScript[]): void {
    this.next[endpoint].push(...answers);
  }

  answerAlways(endpoint: GetuiEndpoint, answer: GetuiScript | undefined): void {
    if (answer === undefined) this.always.delete(endpoint);
    else this.always.set(endpoint, answer);
  }

  /** No app of this client_id is known. */
  forget(clientId: string): void {
    this.unknown.add(clientId);
  }

  /** No token given out so far is good any more. */
  expireTokens(): void {
    this.tokens.clear();
  }

  /** Forgets requests and scripts; tokens stay good. */
  reset(): void {
    for (const list of [this.requests, this.delivered, ...Object.values(this.next)]) list.length = 0;
    this.badges.clear();
    this.always.clear();
    this.unknown.clear();
    this.seen.clear();
  }

  /** The calls of one kind. */
  calls(endpoint: GetuiEndpoint): GetuiRequest[] {
    return this.requests.filter((request) => request.endpoint === endpoint);
  }

  async waitForPushes(count: number, ms = 20_000): Promise<GetuiRequest[]> {
    await this.waitFor('push', count, ms);
    return this.calls('push');
  }

  async waitFor(endpoint: GetuiEndpoint, count: number, ms = 20_000): Promise<void> {
    await waitUntil(
      () => this.calls(endpoint).length >= count,
      ms,
      () => `${this.calls(endpoint).length} of ${count} calls of ${endpoint} came to Getui`,
    );
  }

  private endpointOf(path: string): GetuiEndpoint | undefined {
    const base = `/v2/${this.appId}`;
    if (path === `${base}/auth`) return 'auth';
    if (path === `${base}/push/single/cid`) return 'push';
    return path.startsWith(`${base}/user/badge/cid/`) ? 'badge' : undefined;
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = request.url ?? '';
    const endpoint = this.endpointOf(path);
    if (endpoint === undefined || request.method !== 'POST') {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no such page</html>');
      return;
    }
    const { token } = request.headers as { token?: string };
    const received = { at: Date.now(), endpoint, path, text, token, body: JSON.parse(text) as never };
    this.requests.push(received);
    const script = this.next[endpoint].shift() ?? this.always.get(endpoint);
    if (script === 'hang') return;
    if (script === 'close' || script === 'lose-answer') {
      if (script === 'lose-answer') this.work(received);
      request.socket.destroy();
      return;
    }
    if (script !== undefined && 'delayMs' in script)
      await new Promise((resolve) => setTimeout(resolve, script.delayMs));
    if (script !== undefined && 'when' in script) await script.when;
    const answer = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    if (script !== undefined && 'code' in script) {
      if (script.code === TOKEN_REFUSED && script.keepsToken !== true) this.tokens.delete(token ?? '');
      const { code, msg = 'scripted', status = code === 0 ? 200 : 400 } = script;
      answer(status, JSON.stringify({ code, msg }));
    } else if (script !== undefined && 'status' in script) {
      answer(script.status, script.body ?? '<html>gateway</html>');
    } else {
      const reply = this.work(received);
      answer(reply.code === 0 ? 200 : 400, JSON.stringify(reply));
    }
  }

  private work(received: GetuiRequest): { code: number; msg: string; data?: unknown } {
    if (received.endpoint === 'auth') return this.auth(received.body as Record<string, string>);
    const expiresAt = this.tokens.get(received.token ?? '');
    if (expiresAt === undefined || expiresAt <= Date.now())
      return { code: TOKEN_REFUSED, msg: 'token invalid' };
    return received.endpoint === 'push' ? this.push(received) : this.badge(received);
  }

  private auth({ appkey, sign, timestamp }: Record<string, string>) {
    const wanted = createHash('sha256')
      .update(`${this.appKey}${timestamp}${this.masterSecret}`)
      .digest('hex');
    if (appkey !== this.appKey || sign !== wanted) return { code: 10002, msg: 'sign error' };
    if (Math.abs(Number(timestamp) - Date.now()) > 600_000) return { code: 10002, msg: 'timestamp error' };
    const token = randomBytes(24).toString('hex');
    const expires = Date.now() + this.lifetimeMs;
    this.tokens.set(token, expires);
    return { code: 0, msg: 'success', data: { expire_time: String(expires), token } };
  }

  private push(received: GetuiRequest) {
    const {
      audience,
      push_message: message,
      request_id: requestId,
    } = received.body as {
      request_id?: unknown;
      audience?: { cid?: unknown[] };
      push_message?: { transmission?: unknown; revoke?: { old_task_id?: unknown } };
    };
    const [clientId] = audience?.cid ?? [];
    if (typeof requestId !== 'string' || requestId.length < 10 || requestId.length > 32)
      return { code: 20001, msg: 'request_id is invalid' };
    if (audience?.cid?.length !== 1 || typeof clientId !== 'string')
      return { code: 20001, msg: 'audience is invalid' };
    if (typeof message?.transmission !== 'string' && message?.revoke === undefined)
      return { code: 20001, msg: 'push_message is invalid' };
    if (this.unknown.has(clientId)) return { code: 20001, msg: 'target user is invalid' };
    const isNew = !this.seen.has(requestId);
    this.seen.add(requestId);
    if (isNew && message.revoke === undefined) this.delivered.push(received);
    const status = isNew ? 'successed_offline' : 'successed_ignore';
    return { code: 0, msg: 'success', data: { [`RASS_${requestId}`]: { [clientId]: status } } };
  }

  private badge({ body, path }: GetuiRequest) {
    const clientId = decodeURIComponent(path.split('/').at(-1) ?? '');
    const { badge } = body as { badge?: unknown };
    if (typeof badge !== 'string' || !/^[+-]?\d+$/.test(badge))
      return { code: 20001, msg: 'badge is invalid' };
    if (this.unknown.has(clientId)) return { code: 20001, msg: 'target user is invalid' };
    this.badges.set(clientId, badge);
    return { code: 0, msg: 'success', data: {} };
  }
}
