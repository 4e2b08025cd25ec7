import { type Database } from '../db/database';
import { type Metrics } from '../metrics';
import { type MessageRow } from '../db/schema';
import { describeError, log } from '../logger';
import { type Member } from '../model/member';
import { MESSAGE_TABLES, messageTable } from '../model/message-tables';
import { findMessages } from '../model/messages';
import { membersAmong } from '../model/participants';
import { findSession, newestMessageIds } from '../model/sessions';
import { type Bus, type BusEvent } from '../push/bus';
import { CLOSE } from '../push/close-codes';
import { type Connection, type Sockets } from '../push/sockets';
import { messageFrame, messageOkFrame, notificationFrame } from '../views/frames';
import { messageJson } from '../views/message';
import { type Activity } from './activity';
import { type StreamItem, Streams } from './streams';
import { isRevoked, type Revoked } from './tokens';
import { type Committed } from './writer';

/** The socket that sent a message: it gets `message_ok` in the message's place, and the push goes to the others. */
export class Origin {
  #answered = false;

  constructor(
    readonly connection: Connection,
    private readonly ref: string | undefined,
  ) {}

  answer(sessionId: string, id: number, message: string): void {
    if (this.#answered) return;
    this.#answered = true;
    const frame = Buffer.from(messageOkFrame(message, this.ref));
    if (this.connection.watches(sessionId) && id > this.connection.lastId(sessionId)) {
      this.connection.pushMessage(sessionId, id, frame);
    } else {
      this.connection.send(frame);
    }
  }
}

interface Outgoing extends StreamItem {
  senderId: string;
  /** JSON text */
  message: string;
  /** undefined: not known here yet */
  members: UserIds | undefined;
  origin: Origin | undefined;
  /** Whether those who are connected elsewhere have yet to hear of it. */
  notify: boolean;
}

/** The keys of a map by user, or a set. */
type UserIds = Pick<ReadonlyMap<string, unknown>, 'has' | 'keys' | 'size'>;

/** So many participants are named with each message on the bus; of more, every process asks the database once. */
const NAMED_MEMBERS = 50;
/** A socket that missed more messages of a session comes again and syncs. */
const MAX_MISSED = 1_000;

/** Who of those who hear of a session is left out: all sockets of a user, one socket (of this process). */
export interface Except {
  user?: string | undefined;
  socket?: string | undefined;
}

export interface DeliverOptions {
  database: Database;
  sockets: Sockets;
  bus: Bus;
  activity: Activity;
  metrics: Metrics;
  /** The ids of a session's participants, from a cache of that version or from the database. */
  members(sessionId: string, version: number): Promise<ReadonlyMap<string, Member>>;
  /** Resolves when what this process was committing in the session has come to `Deliver.messages`. */
  settled(sessionId: string): Promise<void>;
}

/** Decides who hears of what was committed: the sockets here, and through the bus those of other processes. */
export class Deliver {
  readonly #streams: Streams<Outgoing>;
  /** Sessions that unbound sockets are about to hear of. */
  readonly #joining = new Map<Connection, Set<string>>();

  constructor(private readonly options: DeliverOptions) {
    this.#streams = new Streams<Outgoing>({
      emit: (item) => this.#emit(item),
      stale: (item) => item.origin?.answer(item.sessionId, item.id, item.message),
      positions: (sessionIds) => this.#positions(sessionIds),
      fetch: (sessionId, after, before) => this.#fetch(sessionId, after, before),
      settled: (sessionId) => options.settled(sessionId),
      lost: (sessionId) => this.resync(sessionId),
    });
  }

  /** Messages that this process committed. */
  messages(committed: readonly Committed[]): void {
    const { bus, metrics } = this.options;
    for (const { json, members, membersVersion, origin, previousId, row, sessionType } of committed) {
      metrics.messages.inc({ table: MESSAGE_TABLES[sessionType] ?? '' });
      this.#streams.push({
        sessionId: row.session_id,
        id: row.id,
        previousId,
        senderId: row.sender_id,
        message: json,
        members,
        origin: origin instanceof Origin ? origin : undefined,
        notify: true,
      });
      if (!bus.shared) continue;
      bus.publish({
        kind: 'message',
        sessionId: row.session_id,
        sessionType,
        id: row.id,
        previousId,
        senderId: row.sender_id,
        membersVersion,
        members: members.size <= NAMED_MEMBERS ? [...members.keys()] : undefined,
        message: json,
      });
    }
  }

  /**
   * A message that was stored before, and that nobody may have heard of: whoever stored it may have died just then.
   */
  repeated({ id, session_id: sessionId }: Pick<MessageRow, 'id' | 'session_id'>): void {
    this.#streams.catchUp(sessionId, id);
    this.options.bus.publish({ kind: 'newest', sessionId, id });
  }

  /** A frame for every socket that hears of the session, in all processes, but not for a user's or for one socket. */
  sessionEvent(sessionId: string, frame: string, except: Except = {}): void {
    this.#here(sessionId, frame, except);
    this.options.bus.publish({ kind: 'session-event', sessionId, frame, exceptUser: except.user });
  }

  /** A frame for these users' sockets that hear of the session, in all processes. */
  userEvent(sessionId: string, userIds: string[], frame: string): void {
    this.#toUsers(sessionId, userIds, frame);
    this.options.bus.publish({ kind: 'user-event', sessionId, userIds, frame });
  }

  /** A frame for one socket, in whichever process it is. */
  socketEvent(connectionId: string, frame: string): void {
    const { bus, sockets } = this.options;
    const connection = sockets.byId(connectionId);
    if (connection !== undefined) connection.pushEvent(Buffer.from(frame));
    else if (!sockets.isOwn(connectionId)) bus.publish({ kind: 'socket-event', connectionId, frame });
  }

  /** Participants came or went: sockets of the removed are closed, unbound ones of the added hear of the session from now on. */
  membersChanged(event: MembersEvent): void {
    this.#membersHere(event);
    this.options.bus.publish({ kind: 'members', ...event });
  }

  /** What another process tells. */
  receive(event: BusEvent): void {
    switch (event.kind) {
      case 'message':
        this.#receiveMessage(event);
        break;
      case 'session-event':
        this.#here(event.sessionId, event.frame, { user: event.exceptUser });
        break;
      case 'user-event':
        this.#toUsers(event.sessionId, event.userIds, event.frame);
        break;
      case 'socket-event':
        this.options.sockets.byId(event.connectionId)?.pushEvent(Buffer.from(event.frame));
        break;
      case 'newest':
        this.#streams.catchUp(event.sessionId, event.id);
        break;
      case 'members':
        void this.#receiveMembers(event);
        break;
      case 'revoked':
        this.closeRevoked(event.userId, event);
        break;
      case 'profile':
      case 'presence':
      case 'presence-ask':
        break;
    }
  }

  /** Closes the user's sockets here that came with a revoked token. */
  closeRevoked(userId: string, revoked: Revoked): void {
    for (const connection of [...this.options.sockets.ofUser(userId)]) {
      if (isRevoked(connection.user, revoked)) {
        this.#drop(connection, CLOSE.unauthenticated, 'the token was revoked');
      }
    }
  }

  #drop(connection: Connection, code: number, reason: string): void {
    this.options.sockets.remove(connection);
    this.closeStreams(connection);
    connection.close(code, reason);
  }

  /**
   * The sessions' messages are put in order from now on, while some socket hears of them.
   * @throws the database's error
   */
  openStreams(sessionIds: readonly string[]): Promise<void> {
    return this.#streams.open(sessionIds);
  }

  /** An unbound socket hears of one more session: of what came after `afterId`, and of what comes. */
  async watch(connection: Connection, sessionId: string, afterId: number): Promise<void> {
    const { sockets } = this.options;
    const joining = this.#joining.get(connection) ?? new Set();
    if (connection.watches(sessionId) || joining.has(sessionId)) return;
    this.#joining.set(connection, joining.add(sessionId));
    try {
      const missed: Outgoing[] = [];
      for (let newest = afterId; ;) {
        await this.#streams.open([sessionId]);
        const position = this.#streams.position(sessionId);
        // From here to the end nothing can pass: the socket is put in its place in one go.
        if (position !== undefined && position <= newest) break;
        if (position === undefined) continue;
        missed.push(...(await this.#fetch(sessionId, newest, position + 1)));
        newest = position;
      }
      if (joining.has(sessionId)) sockets.watch(connection, sessionId, afterId);
      for (const { id, message } of missed) {
        if (connection.watches(sessionId))
          connection.pushMessage(sessionId, id, Buffer.from(messageFrame(message)));
      }
    } catch {
      connection.close(CLOSE.tryAgainLater, 'please sync');
    } finally {
      joining.delete(sessionId);
      if (joining.size === 0) this.#joining.delete(connection);
      if (sockets.ofSession(sessionId).size === 0) this.#streams.close(sessionId);
    }
  }

  /** An unbound socket hears of a session no longer. */
  unwatch(connection: Connection, sessionId: string): void {
    this.#joining.get(connection)?.delete(sessionId);
    this.options.sockets.unwatch(connection, sessionId);
    if (this.options.sockets.ofSession(sessionId).size === 0) this.#streams.close(sessionId);
  }

  /** Closes a bound socket of a user who takes part in its session no longer. */
  closeRemoved(connection: Connection): void {
    this.#drop(connection, CLOSE.notFound, 'no participant of the session any more');
  }

  /** To be called when a socket has gone: streams that nobody hears of any more are forgotten. */
  closeStreams(connection: Connection): void {
    for (const sessionId of connection.watched()) {
      if (this.options.sockets.ofSession(sessionId).size === 0) this.#streams.close(sessionId);
    }
  }

  /** After the bus was away: fetches for every session that is heard of here what was missed meanwhile. */
  async catchUp(): Promise<void> {
    const newest = await this.#positions(this.#streams.sessions());
    for (const [sessionId, id] of newest) this.#streams.catchUp(sessionId, id);
  }

  /** Has the session's sockets come again and sync, when what they missed can't be fetched for them. */
  resync(sessionId: string): void {
    for (const connection of [...this.options.sockets.ofSession(sessionId)]) {
      connection.close(CLOSE.tryAgainLater, 'please sync');
    }
  }

  #receiveMessage(event: Extract<BusEvent, { kind: 'message' }>): void {
    const { members: ids, membersVersion, message, senderId, sessionId } = event;
    const members = ids === undefined ? undefined : new Set(ids);
    this.#streams.push({ ...event, members, origin: undefined, notify: false });
    if (members !== undefined) {
      this.#notify(sessionId, senderId, message, members);
      return;
    }
    this.options.members(sessionId, membersVersion).then(
      (known) => this.#notify(sessionId, senderId, message, known),
      (error: unknown) =>
        log.debug(`the participants of a session could not be read: ${describeError(error)}`),
    );
  }

  #emit({ id, members, message, notify, origin, senderId, sessionId }: Outgoing): void {
    const { activity, metrics, sockets } = this.options;
    const listeners = sockets.ofSession(sessionId);
    if (listeners.size > 0) {
      const frame = Buffer.from(messageFrame(message));
      const now = Date.now();
      let sent = 0;
      let dropped = 0;
      for (const connection of listeners) {
        const { user } = connection;
        if (connection === origin?.connection) {
          origin.answer(sessionId, id, message);
        } else if (members === undefined || members.has(user.id)) {
          if (connection.pushMessage(sessionId, id, frame)) sent += 1;
          else dropped += 1;
          activity.touch(user.id, now);
        }
      }
      if (sent > 0) metrics.pushes.inc({ result: 'sent' }, sent);
      if (dropped > 0) metrics.pushes.inc({ result: 'dropped' }, dropped);
    }
    origin?.answer(sessionId, id, message);
    if (notify && members !== undefined) this.#notify(sessionId, senderId, message, members);
  }

  /** Sockets that participants have elsewhere learn that there is something new here. */
  #notify(sessionId: string, senderId: string, message: string, members: UserIds): void {
    const { sockets } = this.options;
    let frame: Buffer | undefined;
    for (const member of members.keys()) {
      if (member === senderId) continue;
      for (const connection of sockets.ofUser(member)) {
        if (!connection.bound || connection.sessionId === sessionId) continue;
        frame ??= Buffer.from(notificationFrame(sessionId, message));
        connection.pushEvent(frame);
      }
    }
  }

  #here(sessionId: string, frame: string, except: Except = {}): void {
    const listeners = this.options.sockets.ofSession(sessionId);
    if (listeners.size === 0) return;
    const bytes = Buffer.from(frame);
    for (const connection of listeners) {
      if (connection.user.id !== except.user && connection.id !== except.socket) connection.pushEvent(bytes);
    }
  }

  #toUsers(sessionId: string, userIds: readonly string[], frame: string): void {
    const bytes = Buffer.from(frame);
    for (const userId of userIds) {
      for (const connection of this.options.sockets.ofUser(userId)) {
        if (connection.watches(sessionId)) connection.pushEvent(bytes);
      }
    }
  }

  /** Events of two processes can overtake each other, so the database says who of these takes part now. */
  async #receiveMembers(event: MembersEvent): Promise<void> {
    const { database, sockets } = this.options;
    const named = [...event.removed, ...event.added.map(({ id }) => id)];
    const here = named.filter((id) => sockets.ofUser(id).size > 0);
    let removed = event.removed;
    let added = event.added;
    if (here.length > 0) {
      try {
        const members = await membersAmong(database.kysely, event.sessionId, here);
        removed = here.filter((id) => !members.has(id));
        added = event.added.filter(({ id }) => members.has(id));
      } catch (error) {
        log.warn(`who takes part in a session could not be read: ${describeError(error)}`);
      }
    }
    this.#membersHere({ ...event, removed, added });
  }

  #membersHere(event: MembersEvent): void {
    const { sockets } = this.options;
    for (const userId of event.removed) {
      for (const connection of [...sockets.ofUser(userId)]) {
        if (connection.sessionId === event.sessionId) this.closeRemoved(connection);
        else if (!connection.bound) this.unwatch(connection, event.sessionId);
      }
    }
    this.#here(event.sessionId, event.frame);
    for (const { id, type } of event.added) {
      if (type !== 'doctor') continue;
      for (const connection of sockets.ofUser(id)) {
        if (connection.bound || connection.watches(event.sessionId)) continue;
        connection.pushEvent(Buffer.from(event.frame));
        void this.watch(connection, event.sessionId, event.lastMessageId);
      }
    }
  }

  #positions(sessionIds: readonly string[]): Promise<Map<string, number>> {
    return newestMessageIds(this.options.database.kysely, sessionIds);
  }

  async #fetch(sessionId: string, after: number, before: number): Promise<Outgoing[]> {
    const db = this.options.database.kysely;
    const session = await findSession(db, sessionId);
    if (session === undefined) return [];
    const range = { after, before, limit: MAX_MISSED };
    const { more, rows } = await findMessages(db, messageTable(session.type), sessionId, range);
    if (more) throw new RangeError('too many messages to push them all');
    return rows.map((row) => ({
      sessionId,
      id: row.id,
      previousId: 0,
      senderId: row.sender_id,
      message: messageJson(row),
      members: undefined,
      origin: undefined,
      notify: false,
    }));
  }
}

type MembersEvent = Omit<Extract<BusEvent, { kind: 'members' }>, 'kind'>;
