import { randomUUID } from 'node:crypto';
import { type WebSocket } from 'ws';
import { closeSocket, sendFrame } from './send-frame';
import { type TextFrame } from './text-frame';

export interface SocketUser {
  id: string;
  type: 'doctor' | 'patient';
  tokenId: string;
  tokenGeneration: number;
  /** ms since the epoch */
  tokenExpiresAt: number;
}

/** A message on its way to a socket: which one of which session, and its frame. */
interface Buffered {
  sessionId: string;
  id: number;
  frame: TextFrame;
}

/** Tells this process's sockets from those of others, also from those of an earlier run. */
export const PROCESS = randomUUID();
let connections = 0;

/** A socket after its login. */
export class Connection {
  /** unique over all processes */
  readonly id = `${PROCESS}/${++connections}`;
  /** Whether the phone that its token named is in the background: who has it does not look at it. */
  inBackground = false;
  /** Pushes that came between the registration and `login_ok`; undefined afterwards. */
  #buffer: Buffered[] | undefined = [];
  #held: TextFrame[] = [];
  /** The newest message of the bound session that this socket was told of. */
  #lastId = 0;
  /** The same by session, for an unbound socket. */
  readonly #lastIds: Map<string, number> | undefined;

  constructor(
    readonly ws: WebSocket,
    readonly user: SocketUser,
    /** null: an unbound doctor's socket, which hears of all its sessions */
    readonly sessionId: string | null,
  ) {
    this.#lastIds = sessionId === null ? new Map() : undefined;
  }

  get bound(): boolean {
    return this.sessionId !== null;
  }

  /** Whether its login is through. */
  get opened(): boolean {
    return this.#buffer === undefined;
  }

  /** The sessions that this socket hears of. */
  watched(): Iterable<string> {
    return this.sessionId !== null ? [this.sessionId] : (this.#lastIds?.keys() ?? []);
  }

  watches(sessionId: string): boolean {
    return this.sessionId !== null ? this.sessionId === sessionId : (this.#lastIds?.has(sessionId) ?? false);
  }

  lastId(sessionId: string): number {
    return this.#lastIds === undefined ? this.#lastId : (this.#lastIds.get(sessionId) ?? 0);
  }

  setLastId(sessionId: string, id: number): void {
    if (this.#lastIds === undefined) this.#lastId = id;
    else this.#lastIds.set(sessionId, id);
  }

  forget(sessionId: string): void {
    this.#lastIds?.delete(sessionId);
  }

  /**
   * Pushes a message, unless the socket was told of it or of a later one.
   * @returns whether it went out (or waits for the login's end); false: the peer does not read, the socket is dropped
   */
  pushMessage(sessionId: string, id: number, frame: TextFrame): boolean {
    if (this.#buffer !== undefined) {
      this.#buffer.push({ sessionId, id, frame });
      return true;
    }
    if (id <= this.lastId(sessionId)) return true;
    this.setLastId(sessionId, id);
    return this.send(frame);
  }

  /** Sends any other event, in its order with the messages. */
  pushEvent(frame: TextFrame): boolean {
    if (this.#buffer !== undefined) {
      this.#held.push(frame);
      return true;
    }
    return this.send(frame);
  }

  /** Ends the login: `login_ok` goes first, then what came meanwhile and is not covered by it. */
  open(loginOk: string, lastIds: Iterable<readonly [sessionId: string, id: number]>): void {
    const buffered = this.#buffer ?? [];
    const held = this.#held;
    this.#buffer = undefined;
    this.#held = [];
    for (const [sessionId, id] of lastIds) this.setLastId(sessionId, Math.max(id, this.lastId(sessionId)));
    this.ws.send(loginOk);
    for (const { sessionId, id, frame } of buffered) this.pushMessage(sessionId, id, frame);
    for (const frame of held) this.send(frame);
  }

  /** See `sendFrame`. */
  send(frame: TextFrame | string): boolean {
    return sendFrame(this.ws, frame);
  }

  /** Sends a long frame. Resolves when the peer has taken it, or has gone: until then no other should be made. */
  sendAtLength(frame: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.ws.readyState !== this.ws.OPEN) resolve();
      else this.ws.send(frame, () => resolve());
    });
  }

  close(code: number, reason: string): void {
    closeSocket(this.ws, code, reason);
  }
}
