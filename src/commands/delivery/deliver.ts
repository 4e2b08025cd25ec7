import { type Database } from '../../db/database';
import { type Metrics } from '../../metrics';
import { type MessageRow } from '../../db/schema';
import { describeError, log } from '../../logger';
import { type Member } from '../../model/participants';
import { MESSAGE_TABLES } from '../../model/message-tables';
import { positionsOf } from '../../model/sessions';
import { type Bus, type BusEvent } from '../../push/bus/bus';
import { CLOSE } from '../../push/sockets/close-codes';
import { type Connection } from '../../push/sockets/connection';
import { together } from '../../push/sockets/send-frame';
import { type Sockets } from '../../push/sockets/sockets';
import { TextFrame } from '../../push/sockets/text-frame';
import { type FileView } from '../../views/file';
import { messageFrame } from '../../views/frames';
import { type Activity } from './activity';
import { type StoredMessage } from '../sending/send';
import { Listeners, type MembersEvent } from './listeners';
import { notifyElsewhere } from './notify-elsewhere';
import { type RecallAsker, type RecallEvent, Recalls } from './recalls';
import { missedMessages, type StreamedMessage } from './streamed-message';
import { Streams } from './streams';

/** So many participants are named with each message on the bus; of more, every process asks the database once. */
const NAMED_MEMBERS = 50;
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
  fileLinks: FileView;
  /** The ids of a session's participants, from a cache of that version or from the database. */
  members(sessionId: string, version: number): Promise<ReadonlyMap<string, Member>>;
  /** Resolves when what this process was committing has come to `Deliver.messages`. */
  settled(): Promise<void>;
}

/** Decides who hears of what was committed: the sockets here, and through the bus those of other processes. */
export class Deliver {
  readonly listeners: Listeners;
  readonly recalls: Recalls;
  readonly #streams: Streams<StreamedMessage>;

  constructor(private readonly options: DeliverOptions) {
    const { database, fileLinks, sockets } = options;
    const missed = (sessionId: string, after: number, before: number) =>
      missedMessages(database.kysely, sessionId, after, before, fileLinks);
    this.#streams = new Streams<StreamedMessage>({
      emit: (item) => this.#emit(item),
      stale: (item) => item.origin?.tell(item.sessionId, item.id, item.message),
      positions: (sessionIds) => this.#positions(sessionIds, 'last_message_id'),
      fetch: missed,
      settled: () => options.settled(),
      passed: (sessionId) => this.recalls.messagesPassed(sessionId),
      lost: (sessionId) => this.resync(sessionId),
      isTold: (error) => database.outage.explains(error),
    });
    this.recalls = new Recalls({
      database,
      fileLinks,
      sockets,
      messages: this.#streams,
      positions: (sessionIds) => this.#positions(sessionIds, 'last_recall_id'),
      lost: (sessionId) => this.resync(sessionId),
    });
    this.listeners = new Listeners({
      database,
      sockets,
      streams: this.#streams,
      recalls: this.recalls,
      missed,
      tell: (sessionId, frame) => this.#here(sessionId, frame),
    });
  }

  /** Messages that this process committed. */
  messages(stored: readonly StoredMessage[]): void {
    if (stored.length > 1) together(() => this.#messages(stored));
    else this.#messages(stored);
  }

  #messages(stored: readonly StoredMessage[]): void {
    const { bus, metrics } = this.options;
    const counts = MESSAGE_TABLES.map(() => 0);
    for (const { json, origin, previousId, row, session } of stored) {
      const { members } = session;
      const { members_version: membersVersion, type: sessionType } = session.row;
      counts[sessionType] = (counts[sessionType] ?? 0) + 1;
      this.#streams.push({
        sessionId: row.session_id,
        id: row.id,
        previousId,
        senderId: row.sender_id,
        message: json,
        members,
        origin,
        notify: true,
      });
      this.recalls.catchUp(row.session_id, session.row.last_recall_id);
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
        lastRecallId: session.row.last_recall_id,
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

  /** A recall that this process committed. */
  recalled(recall: RecallEvent, asker: RecallAsker | undefined): void {
    this.recalls.push({ ...recall, asker });
    this.options.bus.publish({ kind: 'recall', ...recall });
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
    this.listeners.membersChanged(event);
    this.options.bus.publish({ kind: 'members', ...event });
  }

  /** What another process tells. */
  receive(event: BusEvent): void {
    switch (event.kind) {
      case 'message':
        this.#receiveMessage(event);
        this.recalls.catchUp(event.sessionId, event.lastRecallId);
        break;
      case 'recall':
        this.recalls.push({ ...event, asker: undefined });
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
        void this.listeners.membersChangedElsewhere(event);
        break;
      case 'revoked':
        this.listeners.closeRevoked(event.userId, event);
        break;
      case 'background':
        this.options.sockets.setBackground(event.userId, event.tokenId, event.inBackground);
        break;
      case 'profile':
      case 'presence':
      case 'presence-ask':
      case 'socket-check':
        break;
    }
  }

  /** After the bus was away: fetches for every session that is heard of here what was missed meanwhile. */
  async catchUp(): Promise<void> {
    const positions = await positionsOf(this.options.database.kysely, this.#streams.sessions());
    for (const { id, last_message_id: message, last_recall_id: recall } of positions) {
      this.#streams.catchUp(id, message);
      this.recalls.catchUp(id, recall);
    }
  }

  /** Has the session's sockets come again and sync, when what they missed can't be fetched for them. */
  resync(sessionId: string): void {
    for (const connection of [...this.options.sockets.ofSession(sessionId)]) {
      connection.close(CLOSE.tryAgainLater, 'please sync');
    }
  }

  #receiveMessage(event: Extract<BusEvent, { kind: 'message' }>): void {
    const { sockets } = this.options;
    const { members: ids, membersVersion, message, senderId, sessionId } = event;
    const members = ids === undefined ? undefined : new Set(ids);
    this.#streams.push({ ...event, members, origin: undefined, notify: false });
    if (members !== undefined) {
      notifyElsewhere(sockets, sessionId, senderId, message, members);
      return;
    }
    this.options.members(sessionId, membersVersion).then(
      (known) => notifyElsewhere(sockets, sessionId, senderId, message, known),
      (error: unknown) => {
        if (!this.options.database.outage.explains(error))
          log.warn(`the participants of a session could not be read: ${describeError(error)}`);
      },
    );
  }

  #emit({ id, members, message: stored, notify, origin, senderId, sessionId }: StreamedMessage): void {
    const { activity, metrics, sockets } = this.options;
    const message = this.recalls.pushed(sessionId, id, stored);
    const listeners = sockets.ofSession(sessionId);
    if (listeners.size > 0) {
      const frame = new TextFrame(messageFrame(message));
      const now = Date.now();
      let sent = 0;
      let dropped = 0;
      for (const connection of listeners) {
        const { user } = connection;
        if (origin?.isWaiting(connection) === true) {
          origin.tell(sessionId, id, message);
        } else if (members === undefined || members.has(user.id)) {
          if (connection.pushMessage(sessionId, id, frame)) sent += 1;
          else dropped += 1;
          activity.touch(user, now);
        }
      }
      if (sent > 0) metrics.pushes.inc({ result: 'sent' }, sent);
      if (dropped > 0) metrics.pushes.inc({ result: 'dropped' }, dropped);
    }
    origin?.tell(sessionId, id, message);
    if (notify && members !== undefined) notifyElsewhere(sockets, sessionId, senderId, message, members);
  }

  #here(sessionId: string, frame: string, except: Except = {}): void {
    const listeners = this.options.sockets.ofSession(sessionId);
    const joining = this.listeners.joining(sessionId);
    if (listeners.size + joining.length === 0) return;
    const bytes = new TextFrame(frame);
    const isMeant = ({ id, user }: Connection) => user.id !== except.user && id !== except.socket;
    for (const connection of listeners) if (isMeant(connection)) connection.pushEvent(bytes);
    for (const connection of joining) {
      if (isMeant(connection)) this.listeners.hold(connection, sessionId, bytes);
    }
  }

  #toUsers(sessionId: string, userIds: readonly string[], frame: string): void {
    const bytes = new TextFrame(frame);
    for (const userId of userIds) {
      for (const connection of this.options.sockets.ofUser(userId)) {
        if (connection.watches(sessionId)) connection.pushEvent(bytes);
        else this.listeners.hold(connection, sessionId, bytes);
      }
    }
  }

  async #positions(
    sessionIds: readonly string[],
    of: 'last_message_id' | 'last_recall_id',
  ): Promise<Map<string, number>> {
    const positions = await positionsOf(this.options.database.kysely, sessionIds);
    return new Map(positions.map((position) => [position.id, position[of]]));
  }
}
