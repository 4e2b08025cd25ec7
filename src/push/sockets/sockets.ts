import { type Connection, PROCESS, type Told } from './connection';

/** The keys of a map by user, or a set. */
export type UserIds = Pick<ReadonlyMap<string, unknown>, 'has' | 'keys' | 'size'>;

/** Stands for the session of a socket that is bound to none: no id holds an asterisk. */
export const UNBOUND = '*';

/** Who is connected to this process, and what each socket hears of. */
export class Sockets {
  readonly all = new Set<Connection>();
  readonly #byId = new Map<string, Connection>();
  readonly #byUser = new Map<string, Set<Connection>>();
  readonly #bySession = new Map<string, Set<Connection>>();

  /**
   * Told when a user's first socket comes or its last one goes, the same for users bound to a session, and when all sockets of
   * a user that are bound there are in the background, or no longer.
   */
  constructor(
    private readonly changed: {
      user(userId: string, online: boolean): void;
      bound(sessionId: string, userId: string, bound: boolean): void;
      asleep(sessionId: string, userId: string, asleep: boolean): void;
    } = { user: () => undefined, bound: () => undefined, asleep: () => undefined },
  ) {}

  add(connection: Connection): void {
    this.#watchingSleep([connection], () => this.#add(connection));
  }

  #add(connection: Connection): void {
    const { user, sessionId } = connection;
    const first = !this.isOnline(user.id);
    const firstBound = !this.isBound(sessionId ?? UNBOUND, user.id);
    this.all.add(connection);
    this.#byId.set(connection.id, connection);
    addTo(this.#byUser, user.id, connection);
    if (first) this.changed.user(user.id, true);
    if (sessionId !== null) addTo(this.#bySession, sessionId, connection);
    if (firstBound) this.changed.bound(sessionId ?? UNBOUND, user.id, true);
  }

  /** An unbound socket hears of one more session, of what comes after `told`. */
  watch(connection: Connection, sessionId: string, told: Told): void {
    if (!this.all.has(connection)) return;
    if (!connection.watches(sessionId)) connection.start(sessionId, told);
    addTo(this.#bySession, sessionId, connection);
  }

  unwatch(connection: Connection, sessionId: string): void {
    connection.forget(sessionId);
    removeFrom(this.#bySession, sessionId, connection);
  }

  remove(connection: Connection): void {
    this.#watchingSleep([connection], () => this.#remove(connection));
  }

  #remove(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    this.#byId.delete(connection.id);
    const { user, sessionId } = connection;
    removeFrom(this.#byUser, user.id, connection);
    for (const watched of connection.watched()) removeFrom(this.#bySession, watched, connection);
    const place = sessionId ?? UNBOUND;
    if (!this.isBound(place, user.id)) this.changed.bound(place, user.id, false);
    if (!this.isOnline(user.id)) this.changed.user(user.id, false);
  }

  /** The phone that this token named has come to the front, or left it. */
  setBackground(userId: string, tokenId: string, inBackground: boolean): void {
    const concerned = [...this.ofUser(userId)].filter(({ user }) => user.tokenId === tokenId);
    this.#watchingSleep(concerned, () => {
      for (const connection of concerned) connection.inBackground = inBackground;
    });
  }

  /** Whether the user has sockets that are bound to the session, and all of them are in the background. */
  isAsleep(sessionId: string, userId: string): boolean {
    let found = false;
    for (const connection of this.ofUser(userId)) {
      if ((connection.sessionId ?? UNBOUND) !== sessionId) continue;
      if (!connection.inBackground) return false;
      found = true;
    }
    return found;
  }

  /** Does `change`, and tells for which of these sockets' places it has made everybody fall asleep or wake up. */
  #watchingSleep(connections: readonly Connection[], change: () => void): void {
    const places = connections.map(({ sessionId, user }) => ({ place: sessionId ?? UNBOUND, user: user.id }));
    const before = places.map(({ place, user }) => this.isAsleep(place, user));
    change();
    places.forEach(({ place, user }, index) => {
      const asleep = this.isAsleep(place, user);
      if (asleep !== before[index]) this.changed.asleep(place, user, asleep);
    });
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

  /** Whether the user has a socket that is bound to the session; `UNBOUND`: one that is bound to none. */
  isBound(sessionId: string, userId: string): boolean {
    for (const connection of this.ofUser(userId)) {
      if ((connection.sessionId ?? UNBOUND) === sessionId) return true;
    }
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

  /** The sessions and users of all sockets; `UNBOUND` where a socket is bound to none. */
  *boundPairs(): Iterable<[sessionId: string, userId: string]> {
    for (const { sessionId, user } of this.all) yield [sessionId ?? UNBOUND, user.id];
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
