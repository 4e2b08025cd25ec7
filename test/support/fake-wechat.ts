import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { type AddressInfo } from 'node:net';
import { fieldFault } from './wechat-field-rules';
import { waitUntil } from './wait-until';

const DEDUPE_MS = 10 * 60 * 1000;

export type Endpoint = 'token' | 'send';

/** Codes that say that a token is no good. */
const TOKEN_FAULTS = [40001, 40014, 42001];

/**
 * What an endpoint does instead of working: a code of WeChat's (one about the token ends the token, unless `keepsToken`); an HTTP status (with a body, by default a proxy's HTML); a raw body;
 * no answer ever; the connection closed before the request is looked at; the work done but the connection closed without an answer;
 * the work done after `delayMs`, or once `when` is fulfilled; an answer that begins at once and never ends.
 */
export type Scripted =
  | { errcode: number; errmsg?: string; keepsToken?: boolean }
  | { status: number; body?: string }
  | { body: string }
  | { delayMs: number }
  | { when: Promise<unknown> }
  | 'hang'
  | 'close'
  | 'lose-answer'
  | 'trickle';

export interface TokenRequest {
  at: number;
  body: { grant_type?: unknown; appid?: unknown; secret?: unknown; force_refresh?: unknown };
}

export interface SendRequest {
  at: number;
  accessToken: string | null;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies freely, as they do supertest's
  body: any;
}

export interface FakeWechatOptions {
  appId?: string;
  appSecret?: string;
  templateId?: string;
  /** Lifetime of the tokens given out, in seconds. */
  expiresIn?: number;
}

interface Reply {
  status: number;
  body: string;
}

function json(value: unknown): Reply {
  return { status: 200, body: JSON.stringify(value) };
}

function fault(errcode: number, errmsg: string): Reply {
  return json({ errcode, errmsg: `${errmsg} rid: ${randomBytes(12).toString('hex')}` });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function readAll(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** WeChat's two endpoints that the server uses, on a free port of 127.0.0.1. */
export class FakeWechat {
  readonly appId: string;
  readonly appSecret: string;
  readonly templateId: string;
  expiresIn: number;
  /** Every call of stable_token, in the order of arrival, refused ones too. */
  readonly tokenRequests: TokenRequest[] = [];
  /** Every call of template/send, in the order of arrival, refused and repeated ones too. */
  readonly sends: SendRequest[] = [];
  /** How many calls of template/send were under way at once, at most. */
  mostAtOnce = 0;
  /** What users have got to see: accepted, and no repeat of a `client_msg_id` within 10 minutes. */
  readonly delivered: SendRequest[] = [];

  private atOnce = 0;
  private readonly tokens = new Map<string, number>();
  private readonly seen = new Map<string, { at: number; msgid: string }>();
  private readonly next: Record<Endpoint, Scripted[]> = { token: [], send: [] };
  private readonly always = new Map<Endpoint, Scripted>();
  private readonly users = new Map<string, number>();
  private lastMsgid = 3_428_411_849_815_982_087n;
  private readonly server = http.createServer((request, response) => {
    void this.serve(request, response);
  });

  private constructor(options: FakeWechatOptions) {
    this.appId = options.appId ?? 'wx0123456789abcdef';
    this.appSecret = options.appSecret ?? 'fake-app-secret';
    this.templateId = options.templateId ?? 'fake-template';
    this.expiresIn = options.expiresIn ?? 7200;
  }

  static async start(options: FakeWechatOptions = {}): Promise<FakeWechat> {
    const fake = new FakeWechat(options);
    await new Promise<void>((resolve) => fake.server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Scripts the next calls of `endpoint`, one each; they come before what `answerAlways` says. */
  answerNext(endpoint: Endpoint, ...answers: Scripted[]): void {
    this.next[endpoint].push(...answers);
  }

  /** Scripts all calls of `endpoint`; undefined makes it work again. */
  answerAlways(endpoint: Endpoint, answer: Scripted | undefined): void {
    if (answer === undefined) this.always.delete(endpoint);
    else this.always.set(endpoint, answer);
  }

  /** Every send to `openid` is answered with `errcode` (43004: has unsubscribed); undefined ends it. */
  answerFor(openid: string, errcode: number | undefined): void {
    if (errcode === undefined) this.users.delete(openid);
    else this.users.set(openid, errcode);
  }

  /** No token given out so far is good any more. */
  expireToken(): void {
    this.tokens.clear();
  }

  /** Forgets requests, scripts and `client_msg_id`s; tokens stay good. */
  reset(): void {
    for (const list of [this.tokenRequests, this.sends, this.delivered, this.next.token, this.next.send]) {
      list.length = 0;
    }
    this.always.clear();
    this.users.clear();
    this.seen.clear();
    this.mostAtOnce = this.atOnce;
  }

  /** All sends, once there are `count` or more. @throws when there are fewer after `ms`. */
  async waitForSends(count: number, ms = 20_000): Promise<SendRequest[]> {
    await waitUntil(
      () => this.sends.length >= count,
      ms,
      () => `${this.sends.length} of ${count} sends came to WeChat`,
    );
    return this.sends;
  }

  /** All messages that users have got, once there are `count` or more. @throws when there are fewer after `ms`. */
  async waitForDelivered(count: number, ms = 20_000): Promise<SendRequest[]> {
    await waitUntil(
      () => this.delivered.length >= count,
      ms,
      () => `${this.delivered.length} of ${count} messages were delivered`,
    );
    return this.delivered;
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.baseUrl);
    const endpoints: Record<string, Endpoint> = {
      '/cgi-bin/stable_token': 'token',
      '/cgi-bin/message/template/send': 'send',
    };
    const endpoint = endpoints[url.pathname];
    const text = await readAll(request).catch(() => undefined);
    if (text === undefined) return;
    if (endpoint === undefined || request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const body = parse(text);
    const accessToken = url.searchParams.get('access_token');
    const received = { at: Date.now(), accessToken, body };
    if (endpoint === 'token') this.tokenRequests.push({ at: received.at, body: body ?? {} });
    else this.sends.push(received);
    if (endpoint === 'send') {
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
      response.once('close', () => (this.atOnce -= 1));
    }
    const work = (): Reply => (endpoint === 'token' ? this.giveToken(body) : this.deliver(received));

    const scripted = this.next[endpoint].shift() ?? this.always.get(endpoint);
    if (scripted === 'hang') return;
    if (scripted === 'trickle') {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
      return;
    }
    if (scripted === 'close') {
      request.socket.destroy();
      return;
    }
    if (scripted === 'lose-answer') {
      work();
      request.socket.destroy();
      return;
    }
    if (scripted !== undefined && 'delayMs' in scripted) {
      await new Promise((resolve) => setTimeout(resolve, scripted.delayMs));
    }
    if (scripted !== undefined && 'when' in scripted) await scripted.when;
    if (scripted !== undefined && 'errcode' in scripted && TOKEN_FAULTS.includes(scripted.errcode)) {
      if (scripted.keepsToken !== true) this.tokens.delete(accessToken ?? '');
    }
    const reply =
      scripted === undefined || 'delayMs' in scripted || 'when' in scripted
        ? work()
        : 'errcode' in scripted
          ? fault(scripted.errcode, scripted.errmsg ?? 'scripted')
          : {
              status: 'status' in scripted ? scripted.status : 200,
              body: scripted.body ?? '<html>gateway</html>',
            };
    if (reply.status >= 300 && reply.status < 400) response.setHeader('location', '/elsewhere');
    response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8' }).end(reply.body);
  }

  /** https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html: a good token is given out again. */
  private giveToken(body: Record<string, unknown> | undefined): Reply {
    if (body === undefined) return fault(47001, 'data format error');
    if (body.grant_type !== 'client_credential') return fault(40002, 'invalid grant_type');
    if (body.appid !== this.appId) return fault(40013, 'invalid appid');
    if (body.secret !== this.appSecret) return fault(40125, 'invalid appsecret');
    if (body.force_refresh === true) this.tokens.clear();
    const now = Date.now();
    // WeChat changes the token five minutes before its end and takes both meanwhile.
    const margin = Math.min(300_000, this.expiresIn * 500);
    for (const [token, expiresAt] of this.tokens) {
      if (expiresAt - now > margin) {
        return json({ access_token: token, expires_in: Math.round((expiresAt - now) / 1000) });
      }
    }
    const token = `${randomBytes(48).toString('base64')}==`;
    this.tokens.set(token, now + this.expiresIn * 1000);
    return json({ access_token: token, expires_in: this.expiresIn });
  }

  /** https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html */
  private deliver(received: { at: number; accessToken: string | null; body: unknown }): Reply {
    const now = Date.now();
    const expiresAt = this.tokens.get(received.accessToken ?? '');
    if (expiresAt === undefined || expiresAt <= now) {
      return fault(40001, 'invalid credential, access_token is invalid or not latest');
    }
    if (received.body === undefined) return fault(47001, 'data format error');
    const body = received.body as Record<string, unknown>;
    const { touser, template_id: templateId, client_msg_id: clientMsgId } = body;
    if (typeof touser !== 'string' || touser === '') return fault(40003, 'invalid openid');
    const refusal = this.users.get(touser);
    if (refusal !== undefined) return fault(refusal, 'refused for this user');
    if (templateId !== this.templateId) return fault(40037, 'invalid template_id');
    const field = fieldFault(body.data);
    if (field !== undefined) return fault(47003, `argument invalid! ${field}`);

    // WeChat documents that a repeated client_msg_id sends nothing, and names no code for it: it counts as sent.
    const key = `${touser} ${String(clientMsgId)}`;
    const before = typeof clientMsgId === 'string' ? this.seen.get(key) : undefined;
    if (before === undefined || now - before.at >= DEDUPE_MS) {
      const msgid = String(++this.lastMsgid);
      this.seen.set(key, { at: now, msgid });
      this.delivered.push(received);
      return { status: 200, body: `{"errcode":0,"errmsg":"ok","msgid":${msgid}}` };
    }
    return { status: 200, body: `{"errcode":0,"errmsg":"ok","msgid":${before.msgid}}` };
  }
}
