import { type Database } from '../db/database';
import { type Metrics } from '../metrics';
import { type Member } from '../model/append';
import { MESSAGE_TABLES, messageTable } from '../model/message-tables';
import { type Bus, type BusEvent } from '../push/bus';
import { CLOSE } from '../push/close-codes';
import { type Connection, type Sockets } from '../push/sockets';
import { messageFrame, messageOkFrame, notificationFrame } from '../views/frames';
import { messageJson } from '../views/message';
import { type Activity } from './activity';
import { type StreamItem, Streams } from './streams';
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
  members: ReadonlyMap<string, Member> | undefined;
  origin: Origin | undefined;
}

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
}

/** Decides who hears of what was committed: the sockets here, and through the bus those of other processes. */
export class Deliver {
  readonly #streams: Streams<Outgoing>;

  constructor(private readonly options: DeliverOptions) {
    this.#streams = new Streams<Outgoing>({
      emit: (item) => this.#emit(item),
      stale: (item) => item.origin?.answer(item.sessionId, item.id, item.message),
      fetch: (sessionId, after, before) => this.#fetch(sessionId, after, before),
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
        message: json,
      });
    }
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
  membersChanged(event: Omit<Extract<BusEvent, { kind: 'members' }>, 'kind'>): void {
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
      case 'members':
        this.#membersHere(event);
        break;
      case 'revoked':
        this.closeRevoked(event.userId, event.tokenId);
        break;
      case 'profile':
        break;
    }
  }

  /** Closes the sockets here that came with a revoked token, or, without `tokenId`, all of the user's. */
  closeRevoked(userId: string, tokenId?: string): void {
    for (const connection of [...this.options.sockets.ofUser(userId)]) {
      if (tokenId !== undefined && connection.user.tokenId !== tokenId) continue;
      this.#drop(connection, CLOSE.unauthenticated, 'the token was revoked');
    }
  }

  #drop(connection: Connection, code: number, reason: string): void {
    this.options.sockets.remove(connection);
    this.closeStreams(connection);
    connection.close(code, reason);
  }

  /** The session's messages are put in order from `lastId` on, while some socket hears of it. */
  openStream(sessionId: string, lastId: number): void {
    this.#streams.open(sessionId, lastId);
  }

  /** To be called when a socket has gone: streams that nobody hears of any more are forgotten. */
  closeStreams(connection: Connection): void {
    for (const sessionId of connection.watched()) {
      if (this.options.sockets.ofSession(sessionId).size === 0) this.#streams.close(sessionId);
    }
  }

  /** After the bus was away: fetches for every session that is heard of here what was missed meanwhile. */
  async catchUp(): Promise<void> {
    const positions = new Map(this.#streams.positions());
    const ids = [...positions.keys()];
    for (let start = 0; start < ids.length; start += 500) {
      const rows = await this.options.database.kysely
        .selectFrom('sessions')
        .select(['id', 'last_message_id'])
        .where('id', 'in', ids.slice(start, start + 500))
        .execute();
      for (const row of rows) this.#streams.catchUp(row.id, row.last_message_id);
    }
  }

  /** Has the session's sockets come again and sync, when what they missed can't be fetched for them. */
  resync(sessionId: string): void {
    for (const connection of [...this.options.sockets.ofSession(sessionId)]) {
      connection.close(CLOSE.tryAgainLater, 'please sync');
    }
  }

  #receiveMessage(event: Extract<BusEvent, { kind: 'message' }>): void {
    this.#streams.push({ ...event, members: undefined, origin: undefined });
    void this.options
      .members(event.sessionId, event.membersVersion)
      .then((members) => this.#notify(event.sessionId, event.senderId, event.message, members))
      .catch(() => undefined);
  }

  #emit({ id, members, message, origin, senderId, sessionId }: Outgoing): void {
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
    if (members !== undefined) this.#notify(sessionId, senderId, message, members);
  }

  /** Sockets that participants have elsewhere learn that there is something new here. */
  #notify(sessionId: string, senderId: string, message: string, members: ReadonlyMap<string, Member>): void {
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

  #membersHere(event: Omit<Extract<BusEvent, { kind: 'members' }>, 'kind'>): void {
    const { sockets } = this.options;
    for (const userId of event.removed) {
      for (const connection of [...sockets.ofUser(userId)]) {
        if (connection.sessionId === event.sessionId) {
          this.#drop(connection, CLOSE.notFound, 'no participant of the session any more');
        } else if (!connection.bound) {
          sockets.unwatch(connection, event.sessionId);
        }
      }
    }
    for (const { id, type } of event.added) {
      if (type !== 'doctor') continue;
      for (const connection of sockets.ofUser(id)) {
        if (connection.bound) continue;
        sockets.watch(connection, event.sessionId, event.lastMessageId);
        this.openStream(event.sessionId, event.lastMessageId);
      }
    }
    this.#here(event.sessionId, event.frame);
  }

  async #fetch(sessionId: string, after: number, before: number): Promise<Outgoing[]> {
    const db = this.options.database.kysely;
    const session = await db
      .selectFrom('sessions')
      .select('type')
      .where('id', '=', sessionId)
      .executeTakeFirst();
    if (session === undefined) return [];
    const rows = await db
      .selectFrom(messageTable(session.type))
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('id', '>', after)
      .where('id', '<', before)
      .orderBy('id')
      .execute();
    return rows.map((row) => ({
      sessionId,
      id: row.id,
      previousId: 0,
      senderId: row.sender_id,
      message: messageJson(row),
      members: undefined,
      origin: undefined,
    }));
  }
}
