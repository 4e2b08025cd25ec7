import { randomUUID } from 'node:crypto';
import { type Transaction } from 'kysely';
import { runIn } from '../db/database';
import { type CallRow, type Schema } from '../db/schema';
import { fromSqlTime, nowSql, toSqlTime } from '../db/time';
import { AppError, conflict, notFound } from '../errors';
import { describeError, log } from '../logger';
import { Append, type Appended, type LockedSession, lockSession } from '../model/append';
import {
  callSeconds,
  type CallResult,
  findCall,
  lockCall,
  openCalls,
  overdueCalls,
  overdueResult,
} from '../model/calls';
import { MESSAGE_TYPE } from '../model/message-content';
import { SESSION_TYPE } from '../model/message-tables';
import { insertCallNotices } from '../model/notices';
import { isParticipant } from '../model/participants';
import { findUser } from '../model/users';
import { type Connection } from '../push/sockets';
import { TextFrame } from '../push/text-frame';
import { frame } from '../views/frames';
import { messageJson } from '../views/message';
import { CallSockets, isVacant, sideOf, socketOf, UNTOLD } from './call-sockets';
import { type CallServices } from './services';

export type Media = 'video' | 'audio';

const MAX_SIGNAL_BYTES = 32 * 1024;

function acceptFrame({ callee_id: userId, id }: Pick<CallRow, 'id' | 'callee_id'>): string {
  return frame('call_accept', { call_id: id, user_id: userId });
}

/** The callees who said no. */
function rejectedBy(call: CallRow): Set<string> {
  return new Set(JSON.parse(call.rejected_by) as string[]);
}

/**
 * Calls: who rings whom, who answers first, and how it ended. The state is in the database, under the session's lock, so
 * that any process can serve any of it. A process answers for its sockets in calls by moving their `…_until` on; when it
 * dies they run out, and whichever process looks next ends the call with its record.
 */
export class Calls {
  readonly #sockets: CallSockets;
  readonly #signals = new WeakMap<Connection, Promise<void>>();
  #timers: NodeJS.Timeout[] = [];

  constructor(private readonly services: CallServices) {
    this.#sockets = new CallSockets(services);
  }

  /** From now on calls are looked after; needs the schema. */
  start(): void {
    const { callReconnectMs, callTimeoutMs } = this.services.config;
    this.#timers = [
      setInterval(() => void this.#quietly(() => this.#sockets.holdAll()), this.#sockets.holdEveryMs),
      setInterval(
        () => void this.#quietly(() => this.#endOverdue()),
        Math.min(1_000, Math.max(50, Math.min(callTimeoutMs, callReconnectMs) / 8)),
      ),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /**
   * Rings the other participants of a session. Patients without a socket bound to it get the WeChat template.
   * @returns the call's id
   * @throws AppError `conflict` when the session has a call, or nobody else is in it; `forbidden`, `not_found`
   */
  async invite(connection: Connection, sessionId: string, media: Media): Promise<string> {
    const { config, database, deliver, notices } = this.services;
    const id = randomUUID();
    const callerId = connection.user.id;
    try {
      const { callees, written } = await database.transaction(async (trx) => {
        const session = await lockSession(runIn(trx), database.dialect, sessionId);
        if (session?.members.has(callerId) !== true) throw notFound('session');
        if (session.row.type === SESSION_TYPE.system) {
          throw new AppError('forbidden', 'Nobody calls in a system session.');
        }
        const others = [...session.members.values()].filter((member) => member.id !== callerId);
        if (others.length === 0) throw conflict('Nobody else is in the session.');
        const open = await trx
          .selectFrom('calls')
          .select('id')
          .where('open_session_id', '=', sessionId)
          .executeTakeFirst();
        if (open !== undefined) throw conflict('The session has a call.');
        const now = Date.now();
        const caller = await findUser(trx, callerId);
        await trx
          .insertInto('calls')
          .values({
            id,
            session_id: sessionId,
            open_session_id: sessionId,
            caller_id: callerId,
            caller_name: caller?.name ?? callerId,
            media,
            state: 'ringing',
            rejected_by: '[]',
            create_time: toSqlTime(now),
            ring_until: toSqlTime(now + config.callTimeoutMs),
            caller_socket: connection.id,
            caller_until: this.#sockets.leaseEnd(now),
          })
          .execute();
        const patients = others.filter(({ type }) => type === 'patient').map((member) => member.id);
        return {
          callees: others.map((member) => member.id),
          written: await insertCallNotices(trx, id, sessionId, patients, this.services.noticePlan),
        };
      });
      this.#sockets.hold(connection, id, 'caller');
      const call = { id, session_id: sessionId, caller_id: callerId, media };
      deliver.userEvent(sessionId, callees, this.#inviteFrame(call));
      notices.written(written);
      return id;
    } catch (error) {
      if (database.dialect.isUniqueViolation(error)) throw conflict('The session has a call.');
      throw error;
    }
  }

  #inviteFrame(call: Pick<CallRow, 'id' | 'session_id' | 'caller_id' | 'media'>): string {
    return frame('call_invite', {
      call_id: call.id,
      session_id: call.session_id,
      from: call.caller_id,
      media: call.media,
      ice_servers: this.services.config.iceServers,
    });
  }

  /** Whoever comes while it rings, such as a patient out of WeChat, hears of the call; a caller who was away is back in it. */
  async ringFor(connection: Connection): Promise<void> {
    await this.#quietly(async () => {
      const sessions = [...connection.watched()];
      if (sessions.length === 0) return;
      const userId = connection.user.id;
      for (const call of await openCalls(this.services.database.kysely, sessions)) {
        if (call.caller_id === userId) {
          const back = this.#quietly(() => this.#callerBack(connection, call));
          // Whether a process that held a socket has died shows only after a while; the login does not wait for that.
          if (isVacant(call.caller_socket)) await back;
        } else if (call.state === 'ringing' && !rejectedBy(call).has(userId)) {
          connection.pushEvent(new TextFrame(this.#inviteFrame(call)));
        }
      }
    });
  }

  /** A caller who was away is back in a call that rings, and hears that it was taken if it may not know. */
  async #callerBack(connection: Connection, known: CallRow): Promise<void> {
    let call: CallRow | undefined = known;
    // It may be taken just now: then it is looked at again.
    for (let attempt = 0; attempt < 2 && call !== undefined; attempt += 1) {
      if (call.state === 'active' && this.#sockets.isUntold(call)) {
        // The place is for the first of the caller's sockets that sends a signal.
        if (await this.#sockets.hasGone(call, 'caller'))
          connection.pushEvent(new TextFrame(acceptFrame(call)));
        return;
      }
      if (call.state !== 'ringing' || (await this.#sockets.takePlace(connection, call, 'caller'))) return;
      call = await findCall(this.services.database.kysely, call.id);
    }
  }

  /**
   * Takes a call; the first who does has it.
   * @throws AppError `not_found`; `conflict` when somebody else was first, or for the caller
   */
  async accept(connection: Connection, callId: string): Promise<void> {
    const { database, deliver } = this.services;
    const userId = connection.user.id;
    const call = await database.transaction(async (trx) => {
      const row = await this.#requireOpen(trx, callId, userId);
      if (row.caller_id === userId) throw conflict('A caller does not take its own call.');
      if (row.state !== 'ringing') throw conflict('The call was taken.');
      const now = Date.now();
      await trx
        .updateTable('calls')
        .set({
          state: 'active',
          callee_id: userId,
          accept_time: toSqlTime(now),
          callee_socket: connection.id,
          callee_until: this.#sockets.leaseEnd(now),
          ...(isVacant(row.caller_socket) ? { caller_socket: UNTOLD } : {}),
        })
        .where('id', '=', callId)
        .execute();
      return row;
    });
    this.#sockets.hold(connection, callId, 'callee');
    const told = acceptFrame({ id: callId, callee_id: userId });
    if (isVacant(call.caller_socket)) deliver.userEvent(call.session_id, [call.caller_id], told);
    else deliver.socketEvent(call.caller_socket, told);
    deliver.sessionEvent(call.session_id, frame('call_taken', { call_id: callId }), {
      user: call.caller_id,
      socket: connection.id,
    });
  }

  /** Says no; when every callee has, the call is over. @throws AppError `not_found`, `conflict` */
  async reject(connection: Connection, callId: string): Promise<void> {
    const userId = connection.user.id;
    await this.#end(callId, async (trx, row, session) => {
      await this.#requireMember(trx, row, userId);
      if (row.caller_id === userId) throw conflict('A caller cancels its call.');
      if (row.state !== 'ringing') throw conflict('The call was taken.');
      const rejected = rejectedBy(row).add(userId);
      await trx
        .updateTable('calls')
        .set({ rejected_by: JSON.stringify([...rejected]) })
        .where('id', '=', callId)
        .execute();
      const callees = [...session.members.keys()].filter((id) => id !== row.caller_id);
      return callees.every((id) => rejected.has(id)) ? 'rejected' : undefined;
    });
  }

  /** The caller gives up before anybody answers. @throws AppError `not_found`, `conflict` */
  async cancel(connection: Connection, callId: string): Promise<void> {
    await this.#end(callId, async (trx, row) => {
      await this.#requireMember(trx, row, connection.user.id);
      if (row.caller_id !== connection.user.id) throw notFound('call');
      if (row.state !== 'ringing') throw conflict('The call was taken: hang up.');
      return 'cancelled';
    });
  }

  /** Ends the call; before an accept as cancelled or rejected. @throws AppError `not_found` */
  async hangup(connection: Connection, callId: string): Promise<void> {
    const userId = connection.user.id;
    await this.#end(callId, async (trx, row) => {
      await this.#requireMember(trx, row, userId);
      if (row.state === 'ringing') return row.caller_id === userId ? 'cancelled' : 'rejected';
      if (row.caller_id !== userId && row.callee_id !== userId) throw notFound('call');
      return 'completed';
    });
  }

  /**
   * Passes a signal on to the call's other socket. Where a socket has gone, the first signal of another one of the same
   * user puts that one into its place.
   * @throws AppError `not_found` for anybody else's; `conflict` before the accept; `payload_too_large` over 32 KiB
   */
  signal(connection: Connection, callId: string, signal: unknown): Promise<void> {
    const passed = (this.#signals.get(connection) ?? Promise.resolve()).then(() =>
      this.#signal(connection, callId, signal),
    );
    // The next one waits for this one, however it went: an offer must not overtake its candidates.
    this.#signals.set(
      connection,
      passed.catch(() => undefined),
    );
    return passed;
  }

  async #signal(connection: Connection, callId: string, signal: unknown): Promise<void> {
    if (Buffer.byteLength(JSON.stringify(signal)) > MAX_SIGNAL_BYTES) {
      throw new AppError('payload_too_large', `A signal has ${MAX_SIGNAL_BYTES} bytes of JSON at most.`);
    }
    const { database, deliver } = this.services;
    const call = await findCall(database.kysely, callId);
    const side = call === undefined ? undefined : sideOf(call, connection.user.id);
    if (call === undefined || side === undefined || call.state === 'ended') throw notFound('call');
    if (call.state === 'ringing') throw conflict('Nobody has taken the call yet.');
    if (socketOf(call, side) !== connection.id && !(await this.#sockets.takePlace(connection, call, side))) {
      throw notFound('call');
    }
    this.#sockets.signalled(connection, callId);
    const other = socketOf(call, side === 'caller' ? 'callee' : 'caller');
    if (other !== null) deliver.socketEvent(other, frame('call_signal', { call_id: callId, signal }));
  }

  /** A socket has closed: its calls wait for another one of its user. */
  socketGone(connection: Connection): Promise<void> {
    return this.#quietly(() => this.#sockets.gone(connection));
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async #endOverdue(): Promise<void> {
    for (const call of await overdueCalls(this.services.database.kysely)) {
      // Looked at again under the lock: it may have been taken, or its socket may be back.
      await this.#end(call.id, (_trx, row) => Promise.resolve(overdueResult(row, nowSql()))).catch(
        (error: unknown) => {
          if (!(error instanceof AppError)) throw error;
        },
      );
    }
  }

  /**
   * Ends an open call as `decide` says (undefined: it goes on), with its record, in one transaction: so there is exactly
   * one record whoever ends it and whenever a process dies.
   */
  async #end(
    callId: string,
    decide: (
      trx: Transaction<Schema>,
      row: CallRow,
      session: LockedSession,
    ) => Promise<CallResult | undefined>,
  ): Promise<void> {
    const { database, noticePlan } = this.services;
    const known = await findCall(database.kysely, callId);
    if (known === undefined) throw notFound('call');
    const ended = await database.transaction(async (trx) => {
      const run = runIn(trx);
      const session = await lockSession(run, database.dialect, known.session_id);
      const row = await lockCall(trx, callId);
      if (session === undefined || row === undefined || row.state === 'ended') throw notFound('call');
      const result = await decide(trx, row, session);
      if (result === undefined) return undefined;
      const now = Date.now();
      const accepted = row.accept_time === null ? null : fromSqlTime(row.accept_time);
      const duration = callSeconds(accepted, now);
      const append = new Append(database.dialect, noticePlan, now);
      const record = append.add(session, {
        senderId: row.caller_id,
        senderName: row.caller_name,
        type: MESSAGE_TYPE.call,
        content: JSON.stringify({ call_id: callId, result, duration }),
        client: null,
      });
      await append.store(run);
      await trx
        .updateTable('calls')
        .set({ state: 'ended', open_session_id: null, end_time: toSqlTime(now), result })
        .where('id', '=', callId)
        .execute();
      return { row, session, record, result, duration, repliedTopics: [...append.repliedTopics] };
    });
    if (ended === undefined) return;
    this.#announceEnd(callId, ended);
  }

  #announceEnd(
    callId: string,
    ended: {
      row: CallRow;
      session: LockedSession;
      record: Appended;
      result: CallResult;
      duration: number;
      repliedTopics: string[];
    },
  ): void {
    const { deliver } = this.services;
    const { duration, record, repliedTopics, result, row, session } = ended;
    const told = frame('call_ended', { call_id: callId, result, duration });
    deliver.sessionEvent(session.row.id, told);
    // Who is in the call may be bound to another session.
    for (const socket of [row.caller_socket, row.callee_socket]) {
      if (socket !== null && !isVacant(socket)) deliver.socketEvent(socket, told, session.row.id);
    }
    deliver.messages([
      {
        ...record,
        json: messageJson(record.row),
        sessionType: session.row.type,
        members: session.members,
        membersVersion: session.row.members_version,
        origin: undefined,
      },
    ]);
    this.services.topicsReplied(repliedTopics);
  }

  /** The call, locked, if it is open and the user takes part in its session. */
  async #requireOpen(trx: Transaction<Schema>, callId: string, userId: string): Promise<CallRow> {
    const row = await lockCall(trx, callId);
    if (row === undefined || row.state === 'ended') throw notFound('call');
    await this.#requireMember(trx, row, userId);
    return row;
  }

  async #requireMember(trx: Transaction<Schema>, row: CallRow, userId: string): Promise<void> {
    if (!(await isParticipant(trx, row.session_id, userId))) throw notFound('call');
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.warn(`calls could not be looked after, trying again: ${describeError(error)}`);
    }
  }
}
