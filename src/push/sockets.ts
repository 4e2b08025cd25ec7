import { randomUUID } from 'node:crypto';
import { type Duplex } from 'node:stream';
import { type WebSocket } from 'ws';
import { CLOSE } from './close-codes';
import { type TextFrame } from './text-frame';

/** A push is dropped, and its socket with it, once this much waits for a peer that does not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** How long a peer may take to answer a close frame: behind 1 MiB of pushes it comes late on a slow network. */
const CLOSE_GRACE_MS = 10_000;

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
const PROCESS = randomUUID();
let connections = 0;

/** A socket after its login. */
export class Connection {
  /** unique over all processes */
  readonly id = `${PROCESS}/${++connections}`;
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

  close(code: number, reason: string): void {
    closeSocket(this.ws, code, reason);
  }
}

const transports = new WeakMap<WebSocket, Duplex>();

/** To be called for each new socket: what it was made of. */
export function carriedBy(ws: WebSocket, transport: Duplex): void {
  transports.set(ws, transport);
}

/** More than this is written at once, whatever else may come: what waits counts as unread. */
const TOGETHER_BYTES = 64 * 1024;

/** Connections that hold back what is written to them; undefined: none does. */
let holding: Duplex[] | undefined;

/** What `work` pushes to one socket is written in one go: a write costs as much as all the rest of a push. */
export function together(work: () => void): void {
  const held: Duplex[] = [];
  holding = held;
  try {
    work();
  } finally {
    holding = undefined;
    for (const transport of held) transport.uncork();
  }
}

function write(transport: Duplex, bytes: Buffer): void {
  if (holding !== undefined) {
    if (transport.writableCorked === 0) {
      transport.cork();
      holding.push(transport);
    } else if (transport.writableLength > TOGETHER_BYTES) {
      transport.uncork();
      transport.cork();
    }
  }
  transport.write(bytes);
}

/**
 * A `TextFrame` goes to the connection as it is: ws would frame it for each of its receivers, in two pieces. It sends every
 * frame of its own in one go (nothing is compressed or fragmented), so frames never mix.
 * @returns false when the peer does not read: then the socket is dropped with 1013
 */
export function sendFrame(ws: WebSocket, frame: TextFrame | string): boolean {
  if (ws.readyState !== ws.OPEN) return false;
  if (ws.bufferedAmount > MAX_BUFFERED_BYTES) {
    closeSocket(ws, CLOSE.tryAgainLater, 'too much is waiting for this socket');
    return false;
  }
  if (typeof frame === 'string') {
    ws.send(frame);
  } else {
    const transport = transports.get(ws);
    if (transport !== undefined) write(transport, frame.bytes);
  }
  return true;
}

/** Sends a close frame and ends the connection soon after, whether or not the peer answers. */
export function closeSocket(ws: WebSocket, code: number, reason: string): void {
  if (ws.readyState !== ws.OPEN) return;
  ws.close(code, reason);
  setTimeout(() => ws.terminate(), CLOSE_GRACE_MS).unref();
}

/** The keys of a map by user, or a set. */
export type UserIds = Pick<ReadonlyMap<string, unknown>, 'has' | 'keys' | 'size'>;

/** Who is connected to this process, and what each socket hears of. */
export class Sockets {
  readonly all = new Set<Connection>();
  readonly #byId = new Map<string, Connection>();
  readonly #byUser = new Map<string, Set<Connection>>();
  readonly #bySession = new Map<string, Set<Connection>>();

  /** Told when a user's first socket comes or its last one goes, and the same for users bound to a session. */
  constructor(
    private readonly changed: {
      user(userId: string, online: boolean): void;
      bound(sessionId: string, userId: string, bound: boolean): void;
    } = { user: () => undefined, bound: () => undefined },
  ) {}

  add(connection: Connection): void {
    const { user, sessionId } = connection;
    const first = !this.isOnline(user.id);
    const firstBound = sessionId !== null && !this.isBound(sessionId, user.id);
    this.all.add(connection);
    this.#byId.set(connection.id, connection);
    addTo(this.#byUser, user.id, connection);
    if (first) this.changed.user(user.id, true);
    if (sessionId === null) return;
    addTo(this.#bySession, sessionId, connection);
    if (firstBound) this.changed.bound(sessionId, user.id, true);
  }

  /** An unbound socket hears of one more session, from the message after `lastId` on. */
  watch(connection: Connection, sessionId: string, lastId: number): void {
    if (!this.all.has(connection)) return;
    if (!connection.watches(sessionId)) connection.setLastId(sessionId, lastId);
    addTo(this.#bySession, sessionId, connection);
  }

  unwatch(connection: Connection, sessionId: string): void {
    connection.forget(sessionId);
    removeFrom(this.#bySession, sessionId, connection);
  }

  remove(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    this.#byId.delete(connection.id);
    const { user, sessionId } = connection;
    removeFrom(this.#byUser, user.id, connection);
    for (const watched of connection.watched()) removeFrom(this.#bySession, watched, connection);
    if (sessionId !== null && !this.isBound(sessionId, user.id))
      this.changed.bound(sessionId, user.id, false);
    if (!this.isOnline(user.id)) this.changed.user(user.id, false);
  }

  byId(id: string): Connection | undefined {
    return this.#byId.get(id);
  }

  /** Whether a socket of this id could only be in this process. */
  isOwn(id: string): boolean {
    return id.startsWith(`${PROCESS}/`);
  }

  ofUser(userId: string): ReadonlySet<Connection> {
    return this.#byUser.get(userId) ?? NONE;
  }

  /** Sockets that hear of the session: those bound to it, and unbound ones of its doctors. */
  ofSession(sessionId: string): ReadonlySet<Connection> {
    return this.#bySession.get(sessionId) ?? NONE;
  }

  isOnline(userId: string): boolean {
    return this.#byUser.has(userId);
  }

  isBound(sessionId: string, userId: string): boolean {
    for (const connection of this.ofUser(userId)) if (connection.sessionId === sessionId) return true;
    return false;
  }

  /** All of `users` who have a socket, maybe among others of them: the fewer of both are gone through. */
  onlineOf(users: UserIds): Iterable<string> {
    if (users.size <= this.#byUser.size) return users.keys();
    const found: string[] = [];
    for (const user of this.#byUser.keys()) if (users.has(user)) found.push(user);
    return found;
  }

  users(): IterableIterator<string> {
    return this.#byUser.keys();
  }

  /** The sessions and users of bound sockets. */
  *boundPairs(): Iterable<[sessionId: string, userId: string]> {
    for (const { sessionId, user } of this.all) if (sessionId !== null) yield [sessionId, user.id];
  }
}

const NONE: ReadonlySet<Connection> = new Set();

function addTo<K, V>(index: Map<K, Set<V>>, key: K, value: V): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, new Set([value]));
  else known.add(value);
}

function removeFrom<K, V>(index: Map<K, Set<V>>, key: K, value: V): void {
  const known = index.get(key);
  known?.delete(value);
  if (known?.size === 0) index.delete(key);
}
