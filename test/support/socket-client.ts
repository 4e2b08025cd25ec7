import { WebSocket } from 'ws';

export interface Frame {
  type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read frames freely, as they do supertest's bodies
  data: any;
  ref?: string;
}

export interface Closed {
  code: number;
  reason: string;
}

interface Waiter {
  wants: (frame: Frame) => boolean;
  resolve: (frame: Frame) => void;
  reject: (error: Error) => void;
}

/** Waiting ends at once when a frame comes: the limit only has to be longer than a busy machine takes. */
const LIMIT_MS = 20_000;

const open = new Set<SocketClient>();

/** A client of the server's WebSocket. Each frame is taken once, by whoever asks for its type or its `ref` first. */
export class SocketClient {
  /** Everything that has come, in order, taken or not. */
  readonly frames: Frame[] = [];
  /** Resolves when the socket is closed, whoever closed it. */
  readonly closed: Promise<Closed>;

  private readonly untaken: Frame[] = [];
  private readonly waiters = new Set<Waiter>();
  private end: Closed | undefined;
  private lastRef = 0;

  constructor(private readonly socket: WebSocket) {
    open.add(this);
    socket.on('message', (data: Buffer) => {
      this.receive(JSON.parse(data.toString('utf8')) as Frame);
    });
    // A broken connection is told by `closed`, with 1006.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        open.delete(this);
        this.end = { code, reason: reason.toString('utf8') };
        for (const waiter of this.waiters) waiter.reject(this.closedError());
        this.waiters.clear();
        resolve(this.end);
      });
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(type: string, data?: unknown, ref?: string): void {
    this.sendRaw(JSON.stringify({ type, data, ref }));
  }

  /** Text, or a binary frame. */
  sendRaw(data: string | Buffer): void {
    this.socket.send(data);
  }

  /** Sends with a `ref` of its own and gives the frame that carries it, an `error` too. */
  async request(type: string, data?: unknown, ms = LIMIT_MS): Promise<Frame> {
    const ref = `r${++this.lastRef}`;
    const answer = this.take((frame) => frame.ref === ref, ms, `an answer to ${type}`);
    this.send(type, data, ref);
    return await answer;
  }

  /** `login_ok` or `error`. */
  async login(
    token: string,
    sessionId: string | undefined,
    userType: 'patient' | 'doctor' = 'patient',
  ): Promise<Frame> {
    return await this.request('login', { token, session_id: sessionId, user_type: userType });
  }

  /** The first frame of that type that was not taken yet, or the next one to come. @throws when none comes in `ms`, or the socket closes. */
  async next(type: string, ms = LIMIT_MS): Promise<Frame> {
    return await this.take((frame) => frame.type === type, ms, `a frame "${type}"`);
  }

  /** @throws when a frame of that type is there untaken, or comes within `ms`. */
  async expectNothing(type: string, ms = 200): Promise<void> {
    const frame = await this.next(type, ms).catch(() => undefined);
    if (frame !== undefined) throw new Error(`unexpected frame: ${JSON.stringify(frame)}`);
  }

  /** Says goodbye and waits until the socket is closed. */
  async close(code = 1000, reason = ''): Promise<Closed> {
    this.socket.close(code, reason);
    return await this.closed;
  }

  /** Cuts the connection, without a goodbye. */
  terminate(): void {
    this.socket.terminate();
  }

  /** Stops reading from the TCP connection, so that what the server sends piles up there. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  private closedError(): Error {
    return new Error(`the socket is closed: ${JSON.stringify(this.end)}`);
  }

  private receive(frame: Frame): void {
    this.frames.push(frame);
    for (const waiter of this.waiters) {
      if (!waiter.wants(frame)) continue;
      this.waiters.delete(waiter);
      waiter.resolve(frame);
      return;
    }
    this.untaken.push(frame);
  }

  private take(wants: (frame: Frame) => boolean, ms: number, what: string): Promise<Frame> {
    const index = this.untaken.findIndex(wants);
    if (index !== -1) return Promise.resolve(this.untaken.splice(index, 1)[0]!);
    if (this.end !== undefined) return Promise.reject(this.closedError());
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        wants,
        resolve: (frame) => {
          clearTimeout(timer);
          resolve(frame);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.waiters.delete(waiter);
        const seen = this.frames.map((frame) => frame.type).join(', ');
        reject(new Error(`${what} did not come within ${ms} ms; there were: ${seen || 'none'}`));
      }, ms);
      this.waiters.add(waiter);
    });
  }
}

export interface ConnectOptions {
  headers?: Record<string, string>;
  /** False makes a client that leaves the server's pings unanswered. */
  autoPong?: boolean;
}

/** Opens a socket; `url` may be that of the HTTP server (`/ws` is added) or a full `ws:` one. @throws when the server refuses it. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<SocketClient> {
  const address = url.startsWith('http') ? `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/ws` : url;
  const socket = new WebSocket(address, {
    headers: options.headers ?? {},
    autoPong: options.autoPong ?? true,
  });
  // Made before the socket opens: a frame may come in the same packet as the handshake's end.
  const client = new SocketClient(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return client;
}

/** Cuts every socket that is still open; for `afterEach`, so that a failed test leaves none behind. */
export async function terminateAll(): Promise<void> {
  const clients = [...open];
  for (const client of clients) client.terminate();
  await Promise.all(clients.map((client) => client.closed));
}
