import { type WebSocket } from 'ws';
import { type UserPrincipal } from '../../commands/access/tokens';
import { TokenBucket } from '../../commands/access/token-bucket';
import { type Services } from '../../commands/services';
import { type AppError, invalidField, unauthenticated, unavailable } from '../../errors';
import { Answer } from '../../push/sockets/answer';
import { CLOSE } from '../../push/sockets/close-codes';
import { type Connection } from '../../push/sockets/connection';
import { closeSocket, sendFrame } from '../../push/sockets/send-frame';
import { frame } from '../../views/frames';
import { DEADLINE_MS, toAppError } from '../rest/perform';
import { SOCKET_HANDLERS } from './handlers';
import { closeCodeOf, loginSocket } from './login';
import { BadFrame, parseFrame, type RequestFrame } from './request-frame';

const LOGIN_LIMIT_MS = 10_000;
const BAD_FRAMES_IN_A_ROW = 20;
/** Frames that a socket may send, a second and at once; what is beyond waits. */
const FRAMES = { aSecond: 50, burst: 200 };
/** Requests of one socket that may be under way at once; those behind them wait. */
const MAX_UNDER_WAY = 200;
/** Once so many frames wait, or so many bytes in them, the socket is not read on. */
const MAX_WAITING = { frames: 200, bytes: 256 * 1024 };
/** Its answer may be 512 KiB: the next one waits until the client has taken it. */
const ONE_AT_A_TIME = 'sync';

const TYPES = { has: (type: string) => type === 'login' || SOCKET_HANDLERS.has(type) };

/**
 * A socket, before and after its login: takes its frames in their order, serves them, and answers. A client may send as fast as
 * it likes, such as an acknowledgement for each message of a flood: it is not refused, its own sending comes to a halt.
 */
export class Peer {
  connection: Connection | undefined;
  principal: UserPrincipal | undefined;
  missedPings = 0;
  readonly #rate = new TokenBucket(FRAMES.aSecond, FRAMES.burst);
  /** Frames that wait, in order: for the login, for those under way, or for their time. */
  readonly #waiting: { bytes: Buffer; isBinary: boolean }[] = [];
  #waitingBytes = 0;
  /** The first of them, once it was read. */
  #next: RequestFrame | undefined;
  #rateTimer: NodeJS.Timeout | undefined;
  #isLoggingIn = false;
  #isGone = false;
  #underWay = 0;
  /** The long answer that is being made, or taken by the peer. */
  #long: Answer | undefined;
  /** Heartbeats since the peer was to take it. */
  #beatsUntaken = 0;
  #badFrames = 0;
  readonly #loginTimer: NodeJS.Timeout;

  constructor(
    readonly ws: WebSocket,
    private readonly services: Services,
  ) {
    this.#loginTimer = setTimeout(() => closeSocket(ws, CLOSE.loginTimeout, 'no login'), LOGIN_LIMIT_MS);
  }

  receive(bytes: Buffer, isBinary: boolean): void {
    this.missedPings = 0;
    this.#waiting.push({ bytes, isBinary });
    this.#waitingBytes += bytes.length;
    this.#serveWaiting();
    if (this.#waiting.length >= MAX_WAITING.frames || this.#waitingBytes >= MAX_WAITING.bytes)
      this.ws.pause();
  }

  /** To be called with each heartbeat. @returns for how many of them its peer has not taken a long answer */
  countBeat(): number {
    this.#beatsUntaken = this.#long?.isGiven === true ? this.#beatsUntaken + 1 : 0;
    return this.#beatsUntaken;
  }

  /** To be called when the socket has closed. */
  gone(): void {
    this.#isGone = true;
    clearTimeout(this.#loginTimer);
    clearTimeout(this.#rateTimer);
    this.#forgetWaiting();
    const { connection, principal } = this;
    if (connection === undefined || principal === undefined) return;
    const { calls, deliver, metrics, sockets } = this.services;
    sockets.remove(connection);
    deliver.listeners.closeStreams(connection);
    metrics.sockets.dec({ user_type: principal.type });
    void calls.socketGone(connection);
  }

  #serveWaiting(): void {
    const { ws } = this;
    while (this.#waiting.length > 0) {
      if (ws.readyState !== ws.OPEN) {
        // What a socket asked for that is being closed is done no more.
        this.#forgetWaiting();
        return;
      }
      const request = this.#read();
      if (request !== undefined && this.#mustWait(request)) return;
      this.#next = undefined;
      this.#waitingBytes -= this.#waiting.shift()?.bytes.length ?? 0;
      if (request !== undefined) this.#serve(request);
    }
    if (ws.isPaused) ws.resume();
  }

  #forgetWaiting(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#next = undefined;
  }

  /** The request in the first frame that waits; undefined where it holds none, and was refused. */
  #read(): RequestFrame | undefined {
    if (this.#next !== undefined) return this.#next;
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    try {
      this.#next = parseFrame(first.bytes, first.isBinary, TYPES);
      this.#badFrames = 0;
    } catch (error) {
      this.#refuse(error, error instanceof BadFrame ? error.ref : undefined);
      if (++this.#badFrames >= BAD_FRAMES_IN_A_ROW)
        closeSocket(this.ws, CLOSE.policyViolation, 'too many bad frames');
    }
    return this.#next;
  }

  /** Whether the request's turn has not come. Then the socket is not read, and whatever it waits for serves it. */
  #mustWait({ type }: RequestFrame): boolean {
    if (this.#isLoggingIn || this.#underWay >= MAX_UNDER_WAY) return true;
    if (type === ONE_AT_A_TIME && this.#long !== undefined) return true;
    const waitMs = this.#rate.take();
    if (waitMs === 0) return false;
    this.ws.pause();
    clearTimeout(this.#rateTimer);
    this.#rateTimer = setTimeout(() => this.#serveWaiting(), waitMs);
    return true;
  }

  #serve(request: RequestFrame): void {
    const { data, fault, ref, type } = request;
    if (type === 'login' && this.connection === undefined) {
      void this.#login(request);
      return;
    }
    if (fault !== undefined || type === 'login') {
      this.#refuse(fault ?? invalidField('type', 'logged in already'), ref);
      return;
    }
    const { connection, principal } = this;
    const handler = SOCKET_HANDLERS.get(type);
    if (connection === undefined || principal === undefined || handler === undefined) {
      this.#refuse(unauthenticated('The login comes first.'), ref);
      return;
    }
    const answer = new Answer(connection, ref);
    const isLong = type === ONE_AT_A_TIME;
    this.#underWay += 1;
    if (isLong) {
      this.#long = answer;
      this.#beatsUntaken = 0;
    }
    void this.#handle(answer, async () => {
      await handler({ services: this.services, principal, connection, data, answer });
    }).finally(() => {
      this.#underWay -= 1;
      if (isLong) this.#long = undefined;
      this.#serveWaiting();
    });
  }

  /** Never rejects. */
  async #handle(answer: Answer, work: () => Promise<void>): Promise<void> {
    const refuse = (error: unknown) => {
      if (answer.claim()) this.#refuse(error, answer.ref);
    };
    const timer = setTimeout(() => refuse(unavailable('The database does not answer.')), DEADLINE_MS);
    try {
      await work();
    } catch (error) {
      refuse(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #login({ data, fault, ref }: RequestFrame): Promise<void> {
    this.#isLoggingIn = true;
    clearTimeout(this.#loginTimer);
    const refuse = (error: unknown) => {
      const refusal = this.#refuse(error, ref);
      closeSocket(this.ws, closeCodeOf(refusal), refusal.message.slice(0, 100));
    };
    const timer = setTimeout(() => refuse(unavailable('The database does not answer.')), DEADLINE_MS);
    try {
      if (fault !== undefined) throw fault;
      const { connection, principal } = await loginSocket(this.services, this.ws, data, ref);
      this.connection = connection;
      this.principal = principal;
      this.services.metrics.sockets.inc({ user_type: principal.type });
      // It went away while the login was under way.
      if (this.#isGone) this.gone();
    } catch (error) {
      refuse(error);
    } finally {
      clearTimeout(timer);
      this.#isLoggingIn = false;
      this.#serveWaiting();
    }
  }

  /** The one place where an error becomes a frame. */
  #refuse(error: unknown, ref: string | undefined): AppError {
    const known = toAppError(this.services, error);
    const { code, errors, message: detail } = known;
    sendFrame(this.ws, frame('error', { code, detail, errors }, ref));
    return known;
  }
}
