import { type Database } from '../../db/database';
import { describeError, log } from '../../logger';
import { membersAmong } from '../../model/participants';
import { type BusEvent } from '../../push/bus/bus';
import { CLOSE } from '../../push/sockets/close-codes';
import { type Connection } from '../../push/sockets/connection';
import { type Sockets } from '../../push/sockets/sockets';
import { TextFrame } from '../../push/sockets/text-frame';
import { messageFrame } from '../../views/frames';
import { type Recalls } from './recalls';
import { type StreamItem, type Streams } from './streams';
import { isRevoked, type Revoked } from '../access/tokens';

export type MembersEvent = Omit<Extract<BusEvent, { kind: 'members' }>, 'kind'>;

/** A message that a socket has yet to get; `message` is its JSON text. */
type Missed = StreamItem & { message: string };

export interface ListenersOptions {
  database: Database;
  sockets: Sockets;
  streams: Pick<Streams<StreamItem>, 'open' | 'close' | 'position'>;
  recalls: Pick<Recalls, 'open' | 'close' | 'position'>;
  /** The session's messages between two ids, oldest first, both ends left out. */
  missed(sessionId: string, after: number, before: number): Promise<Missed[]>;
  /** A frame for every socket here that hears of the session. */
  tell(sessionId: string, frame: string): void;
}

/** Which sockets of this process hear of which sessions, and which may not stay. */
export class Listeners {
  /** Sessions that unbound sockets are about to hear of, with the events that wait for that. */
  readonly #joining = new Map<Connection, Map<string, TextFrame[]>>();

  constructor(private readonly options: ListenersOptions) {}

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
   * The sessions' messages and recalls are put in order from now on, while some socket hears of them.
   * @throws the database's error
   */
  async openStreams(sessionIds: readonly string[]): Promise<void> {
    const { recalls, streams } = this.options;
    await Promise.all([streams.open(sessionIds), recalls.open(sessionIds)]);
  }

  /** Nobody hears of the session any more, where that is so. */
  #closeStreams(sessionId: string): void {
    const { recalls, sockets, streams } = this.options;
    if (sockets.ofSession(sessionId).size > 0) return;
    streams.close(sessionId);
    recalls.close(sessionId);
  }

  /** An unbound socket hears of one more session: of what came after `afterId`, and of what comes. */
  async watch(connection: Connection, sessionId: string, afterId: number): Promise<void> {
    const { sockets } = this.options;
    const joining = this.#joining.get(connection) ?? new Map<string, TextFrame[]>();
    if (connection.watches(sessionId) || joining.has(sessionId)) return;
    this.#joining.set(connection, joining.set(sessionId, []));
    try {
      const { missed, recallId } = await this.#missedUpToNow(sessionId, afterId);
      // From here to the end nothing can pass: the socket is put in its place in one go.
      if (joining.has(sessionId)) sockets.watch(connection, sessionId, { messageId: afterId, recallId });
      for (const { id, message } of missed) {
        if (connection.watches(sessionId))
          connection.pushMessage(sessionId, id, new TextFrame(messageFrame(message)));
      }
      for (const frame of joining.get(sessionId) ?? []) connection.pushEvent(frame);
    } catch (error) {
      if (!this.options.database.outage.explains(error))
        log.warn(`a socket comes again, for what it missed could not be read: ${describeError(error)}`);
      connection.close(CLOSE.tryAgainLater, 'please sync');
    } finally {
      joining.delete(sessionId);
      if (joining.size === 0) this.#joining.delete(connection);
      this.#closeStreams(sessionId);
    }
  }

  /** What came after `afterId`, as it is when the latest recall is the one that is named. */
  async #missedUpToNow(
    sessionId: string,
    afterId: number,
  ): Promise<{ missed: readonly Missed[]; recallId: number }> {
    const { recalls, streams } = this.options;
    let missed: Missed[] = [];
    let newest = afterId;
    let recallId: number | undefined;
    for (;;) {
      await this.openStreams([sessionId]);
      const position = streams.position(sessionId);
      if (position === undefined) continue;
      if (recallId !== recalls.position(sessionId)) {
        // What was read may have been taken back since.
        [missed, newest, recallId] = [[], afterId, recalls.position(sessionId)];
      }
      if (position <= newest) return { missed, recallId };
      missed.push(...(await this.options.missed(sessionId, newest, position + 1)));
      newest = position;
    }
  }

  /** Unbound sockets that are about to hear of the session. */
  joining(sessionId: string): Connection[] {
    return [...this.#joining]
      .filter(([, sessions]) => sessions.has(sessionId))
      .map(([connection]) => connection);
  }

  /** Keeps an event for a socket that is about to hear of the session; for any other it does nothing. */
  hold(connection: Connection, sessionId: string, frame: TextFrame): void {
    this.#joining.get(connection)?.get(sessionId)?.push(frame);
  }

  /** An unbound socket hears of a session no longer. */
  unwatch(connection: Connection, sessionId: string): void {
    this.#joining.get(connection)?.delete(sessionId);
    this.options.sockets.unwatch(connection, sessionId);
    this.#closeStreams(sessionId);
  }

  /** Closes a bound socket of a user who takes part in its session no longer. */
  closeRemoved(connection: Connection): void {
    this.#drop(connection, CLOSE.notFound, 'no participant of the session any more');
  }

  /** To be called when a socket has gone: streams that nobody hears of any more are forgotten. */
  closeStreams(connection: Connection): void {
    for (const sessionId of connection.watched()) this.#closeStreams(sessionId);
  }

  /** Events of two processes can overtake each other, so the database says who of these takes part now. */
  async membersChangedElsewhere(event: MembersEvent): Promise<void> {
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
        if (!database.outage.explains(error))
          log.warn(`who takes part in a session could not be read: ${describeError(error)}`);
      }
    }
    this.membersChanged({ ...event, removed, added });
  }

  /** Bound sockets of the removed are closed, unbound ones hear of this last; those of the added hear of the session from now on. */
  membersChanged(event: MembersEvent): void {
    const { sockets } = this.options;
    for (const userId of event.removed) {
      for (const connection of [...sockets.ofUser(userId)]) {
        if (connection.sessionId === event.sessionId) this.closeRemoved(connection);
        if (connection.bound) continue;
        if (connection.watches(event.sessionId)) connection.pushEvent(new TextFrame(event.frame));
        this.unwatch(connection, event.sessionId);
      }
    }
    this.options.tell(event.sessionId, event.frame);
    for (const { id, type } of event.added) {
      if (type !== 'doctor') continue;
      for (const connection of sockets.ofUser(id)) {
        const { sessionId } = event;
        if (connection.bound || connection.watches(sessionId)) continue;
        if (this.#joining.get(connection)?.has(sessionId) === true) continue;
        connection.pushEvent(new TextFrame(event.frame));
        void this.watch(connection, sessionId, event.lastMessageId);
      }
    }
  }
}
