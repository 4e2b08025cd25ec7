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

/** A message or a recall on its way to a socket: which one of which session, and its frame. */
interface Buffered {
  kind: 'message' | 'recall';
  sessionId: string;
  id: number;
  frame: TextFrame;
}

/** Up to where a socket was told of a session. */
export interface Told {
  messageId: number;
  recallId: number;
}

/** A recall, and the frame of what is left of its message. */
export interface RecallPush {
  id: number;
  messageId: number;
  left: TextFrame;
}

/** How long a peer may take to answer a ping. */
const ANSWER_MS = 3_000;

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
  /** Of the bound session. */
  readonly #told: Told = { messageId: 0, recallId: 0 };
  /** The same by session, for an unbound socket. */
  readonly #toldOf: Map<string, Told> | undefined;
  /** The question that is under way. */
  #stillThere: Promise<boolean> | undefined;

  constructor(
    readonly ws: WebSocket,
    readonly user: SocketUser,
    /** null: an unbound doctor's socket, which hears of all its sessions */
    readonly sessionId: string | null,
  ) {
    this.#toldOf = sessionId === null ? new Map() : undefined;
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
    return this.sessionId !== null ? [this.sessionId] : (this.#toldOf?.keys() ?? []);
  }

  watches(sessionId: string): boolean {
    return this.sessionId !== null ? this.sessionId === sessionId : (this.#toldOf?.has(sessionId) ?? false);
  }

  #toldIn(sessionId: string): Told | undefined {
    return this.#toldOf === undefined ? this.#told : this.#toldOf.get(sessionId);
  }

  /** The newest message of the session that this socket was told of. */
  lastId(sessionId: string): number {
    return this.#toldIn(sessionId)?.messageId ?? 0;
  }

  /** The latest recall in the session that this socket was told of. */
  lastRecallId(sessionId: string): number {
    return this.#toldIn(sessionId)?.recallId ?? 0;
  }

  /** From now on the socket hears of what comes after this; what it was told of already stays. */
  start(sessionId: string, { messageId, recallId }: Told): void {
    let told = this.#toldIn(sessionId);
    if (told === undefined) {
      told = { messageId: 0, recallId: 0 };
      this.#toldOf?.set(sessionId, told);
    }
    told.messageId = Math.max(told.messageId, messageId);
    told.recallId = Math.max(told.recallId, recallId);
  }

  forget(sessionId: string): void {
    this.#toldOf?.delete(sessionId);
  }

  /**
   * Pushes a message, unless the socket was told of it or of a later one.
   * @returns whether it went out (or waits for the login's end); false: the peer does not read, the socket is dropped
   */
  pushMessage(sessionId: string, id: number, frame: TextFrame): boolean {
    if (this.#buffer !== undefined) {
      this.#buffer.push({ kind: 'message', sessionId, id, frame });
      return true;
    }
    const told = this.#toldIn(sessionId);
    if (told === undefined || id <= told.messageId) return true;
    told.messageId = id;
    return this.send(frame);
  }

  /**
   * Pushes a recall, unless the socket was told of it or of a later one.
   * @param frame undefined: the socket asked for it, and gets an answer instead
   */
  pushRecall(sessionId: string, { id, left, messageId }: RecallPush, frame: TextFrame | undefined): void {
    if (this.#buffer !== undefined && frame !== undefined) {
      // Its message waits here, too: that one has not been pushed, and goes without its content.
      for (const each of this.#buffer) {
        if (each.kind === 'message' && each.sessionId === sessionId && each.id === messageId)
          each.frame = left;
      }
      this.#buffer.push({ kind: 'recall', sessionId, id, frame });
    } else this.#tellRecall(sessionId, id, frame);
  }

  #tellRecall(sessionId: string, id: number, frame: TextFrame | undefined): void {
    const told = this.#toldIn(sessionId);
    if (told === undefined || id <= told.recallId) return;
    told.recallId = id;
    if (frame !== undefined) this.send(frame);
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
  open(loginOk: string, told: Iterable<readonly [sessionId: string, told: Told]>): void {
    const buffered = this.#buffer ?? [];
    const held = this.#held;
    this.#buffer = undefined;
    this.#held = [];
    for (const [sessionId, each] of told) this.start(sessionId, each);
    this.ws.send(loginOk);
    for (const { frame, id, kind, sessionId } of buffered) {
      if (kind === 'message') this.pushMessage(sessionId, id, frame);
      else this.#tellRecall(sessionId, id, frame);
    }
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

  /**
   * Asks the peer whether it is still there, by a ping: who has changed its network has not told the server. One that does not
   * answer within 3 s is cut off, as the heartbeat would do much later.
   */
  stillThere(): Promise<boolean> {
    this.#stillThere ??= this.#ask().finally(() => (this.#stillThere = undefined));
    return this.#stillThere;
  }

  #ask(): Promise<boolean> {
    const { ws } = this;
    return new Promise((resolve) => {
      const end = (isThere: boolean) => {
        clearTimeout(timer);
        ws.off('pong', onPong).off('close', onClose);
        resolve(isThere);
      };
      const onPong = () => end(true);
      const onClose = () => end(false);
      const timer = setTimeout(() => {
        // The answer of one that is not read on can't be seen.
        const isThere = ws.isPaused;
        end(isThere);
        if (!isThere) ws.terminate();
      }, ANSWER_MS);
      ws.on('pong', onPong).on('close', onClose);
      ws.ping(undefined, undefined, () => undefined);
    });
  }

  close(code: number, reason: string): void {
    closeSocket(this.ws, code, reason);
  }
}
