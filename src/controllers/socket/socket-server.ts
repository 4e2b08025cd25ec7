import { type IncomingMessage, type Server } from 'node:http';
import { type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Services } from '../../commands/services';
import { CLOSE } from '../../push/sockets/close-codes';
import { carriedBy, closeSocket } from '../../push/sockets/send-frame';
import { bareAnswer } from '../bare-answer';
import { newRequestId, NO_SNIFFING } from '../rest/request-id';
import { asksForWebSocket, serveWithoutUpgrade } from './other-upgrade';
import { Peer } from './peer';

const PATH = '/ws';
/** RFC 6455, section 4.4 */
const VERSION = '13';
const MAX_FRAME_BYTES = 64 * 1024;
const MISSED_PINGS = 2;
/** Heartbeats that a peer may leave a long answer unread. */
const UNTAKEN_BEATS = 2;
const CLOSE_WAIT_MS = 1_000;

/** The WebSocket door: sockets from their upgrade to their end. */
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

  /** @param mayCall whether the page that opens a socket may call, see `Origins` */
  constructor(
    private readonly services: Services,
    http: Server,
    private readonly mayCall: (request: IncomingMessage) => boolean,
  ) {
    http.on('upgrade', (request, socket, head) => {
      if (asksForWebSocket(request)) this.#upgrade(request, socket, head);
      else serveWithoutUpgrade(http, request, socket, head);
    });
    this.#server.on('headers', (headers, request) => {
      headers.push(`X-Request-Id: ${newRequestId(request)}`, `${NO_SNIFFING}: nosniff`);
    });
    this.#server.on('wsClientError', (_error, socket, request) => refuseHandshake(socket, request));
    this.#heartbeat = setInterval(() => void this.#beat(), services.config.heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Lets what is being stored be answered, then closes all sockets with 1012: clients come back by themselves. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#heartbeat);
    await this.services.writer.idle();
    for (const ws of this.#peers.keys()) closeSocket(ws, CLOSE.serviceRestart, 'the server restarts');
    const giveUp = performance.now() + CLOSE_WAIT_MS;
    while (this.#peers.size > 0 && performance.now() < giveUp) await sleep(10);
    for (const ws of this.#peers.keys()) ws.terminate();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refuse = (status: string) => socket.end(bareAnswer(status, newRequestId(request)));
    if (this.#closing) refuse('503 Service Unavailable');
    else if ((request.url ?? '').split('?')[0] !== PATH) refuse('404 Not Found');
    // Browsers send WebSockets anywhere and name the page's origin: pages of others must not act for a user.
    else if (!this.mayCall(request)) refuse('403 Forbidden');
    else {
      this.#server.handleUpgrade(request, socket, head, (ws) => {
        carriedBy(ws, socket);
        this.#accept(ws);
      });
    }
  }

  #accept(ws: WebSocket): void {
    const peer = new Peer(ws, this.services);
    this.#peers.set(ws, peer);
    ws.on('message', (bytes, isBinary) => {
      if (ws.readyState === ws.OPEN && !this.#closing) peer.receive(bytes as Buffer, isBinary);
    });
    ws.on('pong', () => {
      peer.missedPings = 0;
    });
    // ws closes by itself after an error, such as a frame that is too large.
    ws.on('error', () => undefined);
    ws.on('close', () => {
      this.#peers.delete(ws);
      peer.gone();
    });
  }

  /** Pings every socket; those that missed two, that don't read their answer, or whose token has expired, are dropped. */
  async #beat(): Promise<void> {
    const now = Date.now();
    let turn = 0;
    for (const [ws, peer] of [...this.#peers]) {
      // Ten thousand pings in one go would hold everybody else up.
      if (++turn % 500 === 0) await sleep(0);
      if (peer.missedPings >= MISSED_PINGS) {
        ws.terminate();
      } else if (peer.countBeat() > UNTAKEN_BEATS) {
        closeSocket(ws, CLOSE.tryAgainLater, 'an answer is not read');
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

/** Answers what asks for a WebSocket, but not as RFC 6455 has it. */
function refuseHandshake(socket: Duplex, request: IncomingMessage): void {
  const { headers, method } = request;
  const id = newRequestId(request);
  if (method !== 'GET') socket.end(bareAnswer('405 Method Not Allowed', id, { Allow: 'GET' }));
  else if (headers['sec-websocket-version'] !== VERSION)
    socket.end(
      bareAnswer('426 Upgrade Required', id, { Upgrade: 'websocket', 'Sec-WebSocket-Version': VERSION }),
    );
  else socket.end(bareAnswer('400 Bad Request', id));
}
