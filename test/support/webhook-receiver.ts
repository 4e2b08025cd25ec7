import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { type AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { waitUntil } from './wait-until';

/** A secret as operators make it. */
export function newSecret(bytes = 32): string {
  return `whsec_${randomBytes(bytes).toString('base64')}`;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- tests read bodies freely, as they do supertest's */
export interface WebhookEvent {
  type: string;
  timestamp: string;
  data: {
    session_id: string;
    sequence: number;
    message?: any;
    topic?: any;
    added?: string[];
    removed?: string[];
    [more: string]: unknown;
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

export interface WebhookRequest {
  at: number;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
  event: WebhookEvent;
}

/**
 * What the receiver does with a request: answers with a status (200 by default) after `afterMs`; closes the connection; never
 * answers; sends the status line and a body that never ends.
 */
export type Answer =
  { status?: number; headers?: Record<string, string>; afterMs?: number } | 'close' | 'hang' | 'endless body';

/** The platform's side: takes webhooks on a free port of 127.0.0.1 and verifies each with the library that platforms use. */
export class WebhookReceiver {
  /** All requests, in the order of their arrival. */
  readonly requests: WebhookRequest[] = [];
  /** Those that were answered with 2xx. */
  readonly accepted: WebhookRequest[] = [];
  /** What was wrong with requests: a bad signature, two of one session at once. */
  readonly faults: string[] = [];
  /** The most that were under way at once. */
  most = 0;
  /** Decides; by default all is well. */
  answer: (request: WebhookRequest) => Answer = () => ({});
  #only: string | undefined;
  readonly #underWay = new Map<string, number>();
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));

  private constructor(
    readonly secret: string,
    private readonly port: number,
  ) {}

  static async start(secret = newSecret(), port = 0): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret, port);
    await new Promise<void>((resolve) => receiver.#server.listen(receiver.port, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The settings that make a server send here. */
  get settings(): Record<string, string> {
    return { IM_WEBHOOK_URL: this.url, IM_WEBHOOK_SECRET: this.secret };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /**
   * Forgets what came, and answers well again.
   * @param session of which alone is heard from now on: another's late tries are answered, and nothing else
   */
  reset(session?: string): void {
    this.#only = session;
    this.requests.length = 0;
    this.accepted.length = 0;
    this.faults.length = 0;
    this.most = 0;
    this.answer = () => ({});
  }

  /** The events that were accepted, once there are `count` or more. @throws when there are fewer after `ms`, or one was faulty */
  async waitFor(count: number, ms = 20_000): Promise<WebhookEvent[]> {
    await waitUntil(
      () => this.accepted.length >= count,
      ms,
      () => `${this.accepted.length} of ${count} events came: ${this.faults.slice(0, 3).join('; ')}`,
    );
    if (this.faults.length > 0) throw new Error(this.faults.slice(0, 3).join('; '));
    return this.events();
  }

  events(): WebhookEvent[] {
    return this.accepted.map(({ event }) => event);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const taken = this.#take(request, body);
    const session = taken.event.data.session_id;
    if (this.#only !== undefined && !session.startsWith(this.#only)) {
      response.end();
      return;
    }
    this.requests.push(taken);
    const underWay = (this.#underWay.get(session) ?? 0) + 1;
    if (underWay > 1) this.faults.push(`two of ${session} at once`);
    this.#underWay.set(session, underWay);
    this.most = Math.max(this.most, this.#underWay.size);
    response.once('close', () => {
      const rest = (this.#underWay.get(session) ?? 1) - 1;
      if (rest === 0) this.#underWay.delete(session);
      else this.#underWay.set(session, rest);
    });
    this.#give(this.answer(taken), taken, request, response);
  }

  #take(request: http.IncomingMessage, body: string): WebhookRequest {
    const { headers, url = '' } = request;
    if (request.method !== 'POST' || headers['content-type'] !== 'application/json')
      this.faults.push(`${request.method ?? ''} ${headers['content-type'] ?? ''}`);
    let event: WebhookEvent = { type: '', timestamp: '', data: { session_id: '', sequence: 0 } };
    try {
      event = new Webhook(this.secret).verify(body, headers as Record<string, string>) as WebhookEvent;
    } catch (error) {
      this.faults.push(String(error));
    }
    return { at: Date.now(), url, headers, body, event };
  }

  #give(
    answer: Answer,
    taken: WebhookRequest,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void {
    if (answer === 'hang') return;
    if (answer === 'close') {
      request.socket.destroy();
      return;
    }
    if (answer === 'endless body') {
      this.accepted.push(taken);
      response.writeHead(200).write('and so on');
      return;
    }
    const { afterMs = 0, headers = {}, status = 200 } = answer;
    setTimeout(() => {
      if (status >= 200 && status < 300) this.accepted.push(taken);
      response.writeHead(status, headers).end('{}');
    }, afterMs);
  }
}
