import { type IncomingMessage, type Server } from 'node:http';
import { type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Services } from '../../commands/services';
import { CLOSE } from '../../push/sockets/close-codes';
import { carriedBy, closeSocket } from '../../push/sockets/send-frame';
import { asksForWebSocket, serveWithoutUpgrade } from './other-upgrade';
import { Peer } from './peer';

const PATH = '/ws';
const MAX_FRAME_BYTES = 64 * 1024;
const MISSED_PINGS = 2;
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
    const refuse = (status: string) =>
      socket.end(
        `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff\r\n\r\n`,
      );
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
      if (ws.readyState === ws.OPEN && !this.#closing) peer.receive(bytes, isBinary);
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
