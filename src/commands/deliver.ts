import { type Database } from '../db/database';
import { type Metrics } from '../metrics';
import { type MessageRow } from '../db/schema';
import { describeError, log } from '../logger';
import { type Member } from '../model/member';
import { MESSAGE_TABLES, messageTable } from '../model/message-tables';
import { findMessages } from '../model/messages';
import { findSession, newestMessageIds } from '../model/sessions';
import { type Bus, type BusEvent } from '../push/bus';
import { CLOSE } from '../push/close-codes';
import { type Connection, type Sockets, together, type UserIds } from '../push/sockets';
import { TextFrame } from '../push/text-frame';
import { messageFrame, notificationFrame } from '../views/frames';
import { messageJson } from '../views/message';
import { type Activity } from './activity';
import { Origin } from './origin';
import { type StreamItem, Streams } from './streams';
import { type MembersEvent, Watching } from './watching';
import { type Committed } from './sending';

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
  readonly watching: Watching;
  readonly #streams: Streams<Outgoing>;

  constructor(private readonly options: DeliverOptions) {
    this.#streams = new Streams<Outgoing>({
      emit: (item) => this.#emit(item),
      stale: (item) => item.origin?.answer(item.sessionId, item.id, item.message),
      positions: (sessionIds) => this.#positions(sessionIds),
      fetch: (sessionId, after, before) => this.#fetch(sessionId, after, before),
      settled: (sessionId) => options.settled(sessionId),
      lost: (sessionId) => this.resync(sessionId),
    });
    const { database, sockets } = options;
    this.watching = new Watching({
      database,
      sockets,
      streams: this.#streams,
      missed: (sessionId, after, before) => this.#fetch(sessionId, after, before),
      tell: (sessionId, frame) => this.#here(sessionId, frame),
    });
  }

  /** Messages that this process committed. */
  messages(committed: readonly Committed[]): void {
    if (committed.length > 1) together(() => this.#messages(committed));
    else this.#messages(committed);
  }

  #messages(committed: readonly Committed[]): void {
    const { bus, metrics } = this.options;
    const counts = MESSAGE_TABLES.map(() => 0);
    for (const { json, members, membersVersion, origin, previousId, row, sessionType } of committed) {
      counts[sessionType] = (counts[sessionType] ?? 0) + 1;
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
    for (const [type, table] of MESSAGE_TABLES.entries()) {
      if (counts[type] !== 0) metrics.messages.inc({ table }, counts[type]);
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

  /** A frame for one socket, in whichever process it is; not where it hears of the session `unlessHears`. */
  socketEvent(connectionId: string, frame: string, unlessHears?: string): void {
    const { bus, sockets } = this.options;
    if (sockets.isOwn(connectionId)) this.#toSocket(connectionId, frame, unlessHears);
    else bus.publish({ kind: 'socket-event', connectionId, frame, unlessHears });
  }

  #toSocket(connectionId: string, frame: string, unlessHears: string | undefined): void {
    const connection = this.options.sockets.byId(connectionId);
    if (connection === undefined) return;
    if (unlessHears === undefined || !connection.watches(unlessHears))
      connection.pushEvent(new TextFrame(frame));
  }

  /** Participants came or went: sockets of the removed are closed, unbound ones of the added hear of the session from now on. */
  membersChanged(event: MembersEvent): void {
    this.watching.membersChanged(event);
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
        this.#toSocket(event.connectionId, event.frame, event.unlessHears);
        break;
      case 'newest':
        this.#streams.catchUp(event.sessionId, event.id);
        break;
      case 'members':
        void this.watching.membersChangedElsewhere(event);
        break;
      case 'revoked':
        this.watching.closeRevoked(event.userId, event);
        break;
      case 'profile':
      case 'presence':
      case 'presence-ask':
        break;
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
      const frame = new TextFrame(messageFrame(message));
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
    let frame: TextFrame | undefined;
    for (const member of sockets.onlineOf(members)) {
      if (member === senderId) continue;
      for (const connection of sockets.ofUser(member)) {
        if (!connection.bound || connection.sessionId === sessionId) continue;
        frame ??= new TextFrame(notificationFrame(sessionId, message));
        connection.pushEvent(frame);
      }
    }
  }

  #here(sessionId: string, frame: string, except: Except = {}): void {
    const listeners = this.options.sockets.ofSession(sessionId);
    const joining = this.watching.joining(sessionId);
    if (listeners.size + joining.length === 0) return;
    const bytes = new TextFrame(frame);
    const isMeant = ({ id, user }: Connection) => user.id !== except.user && id !== except.socket;
    for (const connection of listeners) if (isMeant(connection)) connection.pushEvent(bytes);
    for (const connection of joining) {
      if (isMeant(connection)) this.watching.hold(connection, sessionId, bytes);
    }
  }

  #toUsers(sessionId: string, userIds: readonly string[], frame: string): void {
    const bytes = new TextFrame(frame);
    for (const userId of userIds) {
      for (const connection of this.options.sockets.ofUser(userId)) {
        if (connection.watches(sessionId)) connection.pushEvent(bytes);
        else this.watching.hold(connection, sessionId, bytes);
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
