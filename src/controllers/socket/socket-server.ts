import { type IncomingMessage, type Server } from 'node:http';
import { type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { type Services } from '../../commands/services';
import { type UserPrincipal } from '../../commands/access/tokens';
import { type AppError, invalidField, unauthenticated, unavailable } from '../../errors';
import { CLOSE } from '../../push/sockets/close-codes';
import { type Connection } from '../../push/sockets/connection';
import { carriedBy, closeSocket, sendFrame } from '../../push/sockets/send-frame';
import { frame } from '../../views/frames';
import { DEADLINE_MS, toAppError } from '../rest/perform';
import { SOCKET_HANDLERS } from './handlers';
import { closeCodeOf, loginSocket } from './login';
import { asksForWebSocket, serveWithoutUpgrade } from './other-upgrade';
import { BadFrame, parseFrame, type RequestFrame } from './request-frame';

const PATH = '/ws';
const MAX_FRAME_BYTES = 64 * 1024;
const LOGIN_LIMIT_MS = 10_000;
const BAD_FRAMES_IN_A_ROW = 20;
const MISSED_PINGS = 2;
/** Requests of one socket that may be under way at once; those behind them wait. */
const MAX_UNDER_WAY = 200;
/** Once so many wait, the socket is not read on. */
const MAX_WAITING = 200;
const CLOSE_WAIT_MS = 1_000;

const TYPES = { has: (type: string) => type === 'login' || SOCKET_HANDLERS.has(type) };

/** A socket, before and after its login. */
class Peer {
  connection: Connection | undefined;
  principal: UserPrincipal | undefined;
  /** Whether the login is under way. */
  loggingIn = false;
  /** Requests that wait, in order: for the login, or for those under way. */
  readonly waiting: RequestFrame[] = [];
  loginTimer: NodeJS.Timeout | undefined;
  badFrames = 0;
  missedPings = 0;
  underWay = 0;

  get busy(): boolean {
    return this.loggingIn || this.underWay >= MAX_UNDER_WAY;
  }
}

/** The WebSocket door: connections from their upgrade to their end. */
export class SocketServer {
  readonly #peers = new Map<WebSocket, Peer>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  readonly #heartbeat: NodeJS.Timeout;
  #closing = false;

  constructor(
    private readonly services: Services,
    http: Server,
  ) {
    http.on('upgrade', (request, socket, head) => {
      if (asksForWebSocket(request)) this.#upgrade(request, socket, head);
      else serveWithoutUpgrade(http, request, socket, head);
    });
    this.#heartbeat = setInterval(() => void this.#beat(), services.config.heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Lets what is being stored be answered, then closes all sockets with 1012: clients come back by themselves. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#heartbeat);
    await this.services.writers.idle();
    for (const ws of this.#peers.keys()) closeSocket(ws, CLOSE.serviceRestart, 'the server restarts');
    const giveUp = Date.now() + CLOSE_WAIT_MS;
    while (this.#peers.size > 0 && Date.now() < giveUp) await sleep(10);
    for (const ws of this.#peers.keys()) ws.terminate();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refuse = (status: string) =>
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    if (this.#closing) refuse('503 Service Unavailable');
    else if ((request.url ?? '').split('?')[0] !== PATH) refuse('404 Not Found');
    else if (!this.#originMayCall(request)) refuse('403 Forbidden');
    else {
      this.#server.handleUpgrade(request, socket, head, (ws) => {
        carriedBy(ws, socket);
        this.#accept(ws);
      });
    }
  }

  /** Browsers send WebSockets anywhere and name the page's origin: pages of others must not act for a user. */
  #originMayCall({ headers }: IncomingMessage): boolean {
    const { origin } = headers;
    const { corsOrigins } = this.services.config;
    if (origin === undefined || corsOrigins?.[0] === '*') return true;
    if (corsOrigins !== undefined) return corsOrigins.includes(origin);
    return URL.canParse(origin) && new URL(origin).host === headers.host;
  }

  #accept(ws: WebSocket): void {
    const peer = new Peer();
    this.#peers.set(ws, peer);
    peer.loginTimer = setTimeout(() => closeSocket(ws, CLOSE.loginTimeout, 'no login'), LOGIN_LIMIT_MS);
    ws.on('message', (bytes, isBinary) => this.#receive(ws, peer, bytes, isBinary));
    ws.on('pong', () => {
      peer.missedPings = 0;
    });
    // ws closes by itself after an error, such as a frame that is too large.
    ws.on('error', () => undefined);
    ws.on('close', () => this.#gone(ws, peer));
  }

  #gone(ws: WebSocket, peer: Peer): void {
    clearTimeout(peer.loginTimer);
    this.#peers.delete(ws);
    const { connection, principal } = peer;
    if (connection === undefined || principal === undefined) return;
    const { calls, deliver, metrics, sockets } = this.services;
    sockets.remove(connection);
    deliver.listeners.closeStreams(connection);
    metrics.sockets.dec({ user_type: principal.type });
    void calls.socketGone(connection);
  }

  #receive(ws: WebSocket, peer: Peer, bytes: RawData, isBinary: boolean): void {
    if (ws.readyState !== ws.OPEN || this.#closing) return;
    peer.missedPings = 0;
    let request: RequestFrame;
    try {
      request = parseFrame(bytes, isBinary, TYPES);
    } catch (error) {
      const { ref } = error as { ref?: string };
      this.#refuse(ws, error, ref);
      if (!(error instanceof BadFrame)) peer.badFrames = 0;
      else if (++peer.badFrames >= BAD_FRAMES_IN_A_ROW) {
        closeSocket(ws, CLOSE.policyViolation, 'too many bad frames');
      }
      return;
    }
    peer.badFrames = 0;
    peer.waiting.push(request);
    this.#serveWaiting(ws, peer);
    // A client may send as fast as it likes, such as an acknowledgement for each message of a flood: it is not refused,
    // its own sending comes to a halt.
    if (peer.waiting.length >= MAX_WAITING) ws.pause();
  }

  #serveWaiting(ws: WebSocket, peer: Peer): void {
    while (peer.waiting.length > 0 && !peer.busy) {
      const request = peer.waiting.shift();
      // What a socket asked for that is being closed is done no more.
      if (request === undefined || ws.readyState !== ws.OPEN || this.#closing) peer.waiting.length = 0;
      else this.#serve(ws, peer, request);
    }
    if (ws.isPaused && peer.waiting.length === 0) ws.resume();
  }

  #serve(ws: WebSocket, peer: Peer, request: RequestFrame): void {
    const { data, ref, type } = request;
    if (type === 'login') {
      if (peer.connection === undefined) void this.#login(ws, peer, data, ref);
      else this.#refuse(ws, invalidField('type', 'logged in already'), ref);
      return;
    }
    const { connection, principal } = peer;
    const handler = SOCKET_HANDLERS.get(type);
    if (connection === undefined || principal === undefined || handler === undefined) {
      this.#refuse(ws, unauthenticated('The login comes first.'), ref);
      return;
    }
    peer.underWay += 1;
    void this.#handle(
      ws,
      peer,
      async () => {
        await handler({ services: this.services, principal, connection, data, ref });
      },
      ref,
    );
  }

  async #handle(
    ws: WebSocket,
    peer: Peer,
    work: () => Promise<void>,
    ref: string | undefined,
  ): Promise<void> {
    const answer = { overdue: false };
    const timer = setTimeout(() => {
      answer.overdue = true;
      this.#refuse(ws, unavailable('The database does not answer.'), ref);
    }, DEADLINE_MS);
    try {
      await work();
    } catch (error) {
      if (!answer.overdue) this.#refuse(ws, error, ref);
    } finally {
      clearTimeout(timer);
      peer.underWay -= 1;
      this.#serveWaiting(ws, peer);
    }
  }

  async #login(
    ws: WebSocket,
    peer: Peer,
    data: Record<string, unknown>,
    ref: string | undefined,
  ): Promise<void> {
    peer.loggingIn = true;
    clearTimeout(peer.loginTimer);
    const refuse = (error: unknown) => {
      const refusal = this.#refuse(ws, error, ref);
      closeSocket(ws, closeCodeOf(refusal), refusal.message.slice(0, 100));
    };
    const timer = setTimeout(() => refuse(unavailable('The database does not answer.')), DEADLINE_MS);
    try {
      const { connection, principal } = await loginSocket(this.services, ws, data, ref);
      peer.connection = connection;
      peer.principal = principal;
      this.services.metrics.sockets.inc({ user_type: principal.type });
      // It went away while the login was under way.
      if (!this.#peers.has(ws)) this.#gone(ws, peer);
    } catch (error) {
      refuse(error);
    } finally {
      clearTimeout(timer);
      peer.loggingIn = false;
      this.#serveWaiting(ws, peer);
    }
  }

  /** The one place where an error becomes a frame. */
  #refuse(ws: WebSocket, error: unknown, ref: string | undefined): AppError {
    const known = toAppError(this.services, error);
    const { code, errors, message: detail } = known;
    sendFrame(ws, frame('error', { code, detail, errors }, ref));
    return known;
  }

  /** Pings every socket; those that missed two, or whose token has expired, are dropped. */
  async #beat(): Promise<void> {
    const now = Date.now();
    let turn = 0;
    for (const [ws, peer] of [...this.#peers]) {
      // Ten thousand pings in one go would hold everybody else up.
      if (++turn % 500 === 0) await sleep(0);
      if (peer.missedPings >= MISSED_PINGS) {
        ws.terminate();
      } else if (peer.principal !== undefined && peer.principal.expiresAt <= now) {
        closeSocket(ws, CLOSE.unauthenticated, 'the token has expired');
      } else if (ws.readyState === ws.OPEN) {
        // Whether a socket that is not read on answers can't be seen.
        if (!ws.isPaused) peer.missedPings += 1;
        ws.ping();
      }
    }
  }
}
