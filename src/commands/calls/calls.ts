import { randomUUID } from 'node:crypto';
import { type Transaction } from 'kysely';
import { type CallRow, type Schema } from '../../db/schema';
import { runIn } from '../../db/statement';
import { later } from '../../db/time';
import { AppError, conflict, notFound } from '../../errors';
import { lockSession } from '../../model/appending/locked-session';
import {
  endingCalls,
  findCall,
  insertCall,
  insertRings,
  lockCall,
  openCalls,
  rejectedBy,
  resultByItself,
} from '../../model/calls';
import { databaseNow } from '../../db/clock';
import { insertCallNotices } from '../../model/written-notices';
import { isParticipant } from '../../model/participants';
import { findUser } from '../../model/users';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { asName } from '../../model/values/text';
import { repeat } from '../../repeat';
import { type Connection } from '../../push/sockets/connection';
import { frame } from '../../views/frames';
import { mayWrite } from '../access/may-write';
import { type Notices } from '../notices/notices';
import { type Services } from '../services';
import { acceptFrame, inviteFrame } from './call-frames';
import { CallSockets, isVacant, sideOf, socketOf, UNTOLD } from './call-sockets';
import { endCall, type EndCallParts } from './end-call';
import { quietly, ringOn } from './ring-on';

/** What calls work with. */
export interface CallParts extends EndCallParts, Pick<Services, 'bus' | 'config' | 'presence' | 'sockets'> {
  notices: Notices;
}

export type Media = 'video' | 'audio';

const MAX_SIGNAL_BYTES = 32 * 1024;

/**
 * Calls: who rings whom, who answers first, and how it ended. The state is in the database, under the session's lock, so
 * that any process can serve any of it. A process answers for its sockets in calls by moving their `…_until` on; when it
 * dies they run out, and whichever process looks next ends the call with its record.
 */
export class Calls {
  readonly #sockets: CallSockets;
  readonly #signals = new WeakMap<Connection, Promise<void>>();
  #ends: (() => void)[] = [];

  constructor(private readonly parts: CallParts) {
    this.#sockets = new CallSockets(parts);
  }

  /** From now on calls are looked after; needs the schema. */
  start(): void {
    const { callReconnectMs, callTimeoutMs } = this.parts.config;
    const lookEveryMs = Math.min(1_000, Math.max(50, Math.min(callTimeoutMs, callReconnectMs) / 8));
    this.#ends = [
      repeat(this.#sockets.holdEveryMs, () => quietly(this.parts.database, () => this.#sockets.holdAll())),
      repeat(lookEveryMs, () => quietly(this.parts.database, () => this.#endThoseOver())),
    ];
  }

  /**
   * Rings the other participants of a session. Who has no socket that gets the invite gets a push, or, a patient, WeChat's template.
   * @returns the call's id
   * @throws AppError `conflict` when the session has a call, or nobody else is in it; `forbidden`, `not_found`
   */
  async invite(connection: Connection, sessionId: string, media: Media): Promise<string> {
    const { config, database, deliver, notices, presence } = this.parts;
    const { dialect } = database;
    const id = randomUUID();
    const callerId = connection.user.id;
    try {
      const { callees, written } = await database.transaction(async (trx) => {
        const session = await lockSession(runIn(trx, dialect), dialect, sessionId);
        if (session === undefined) throw notFound('session');
        mayWrite(session, { id: callerId, byBackend: false }, MESSAGE_TYPE.call);
        const others = [...session.members.values()].filter((member) => member.id !== callerId);
        if (others.length === 0) throw conflict('Nobody else is in the session.');
        const [open] = await openCalls(trx, [sessionId]);
        if (open !== undefined) throw conflict('The session has a call.');
        const { now } = session;
        const caller = await findUser(trx, callerId);
        await insertCall(trx, {
          id,
          session_id: sessionId,
          caller_id: callerId,
          caller_name: asName(caller?.name ?? callerId),
          caller_socket: connection.id,
          caller_until: this.#sockets.leaseEnd(now),
          media,
          create_time: now,
          ring_until: later(now, config.callTimeoutMs),
        });
        const rung = others.map((member) => member.id).filter((user) => presence.hears(sessionId, user));
        await insertRings(trx, dialect, id, rung);
        const call = { id, sessionId, now };
        return {
          callees: others.map((member) => member.id),
          written: await insertCallNotices(trx, dialect, call, others, this.parts.noticePlan),
        };
      });
      this.#sockets.hold(connection, id, 'caller');
      const call = { id, session_id: sessionId, caller_id: callerId, media };
      deliver.userEvent(sessionId, callees, inviteFrame(call, config.iceServers));
      notices.written(written, 0);
      return id;
    } catch (error) {
      if (database.dialect.isUniqueViolation(error)) throw conflict('The session has a call.');
      throw error;
    }
  }

  /** See `ringOn`. */
  ringFor(connection: Connection): Promise<void> {
    return quietly(this.parts.database, () => ringOn(this.parts, this.#sockets, connection));
  }

  /**
   * Takes a call; the first who does has it.
   * @throws AppError `not_found`; `conflict` when somebody else was first, or for the caller
   */
  async accept(connection: Connection, callId: string): Promise<void> {
    const { database, deliver } = this.parts;
    const userId = connection.user.id;
    const call = await database.transaction(async (trx) => {
      const row = await this.#requireOpen(trx, callId, userId);
      if (row.caller_id === userId) throw conflict('A caller does not take its own call.');
      if (row.state !== 'ringing') throw conflict('The call was taken.');
      const now = await databaseNow(trx, database.dialect);
      await trx
        .updateTable('calls')
        .set({
          state: 'active',
          callee_id: userId,
          accept_time: now,
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

  /** Says no; when every callee who was rung has, the call is over. @throws AppError `not_found`, `conflict` */
  async reject(connection: Connection, callId: string): Promise<void> {
    const userId = connection.user.id;
    await endCall(this.parts, callId, async (trx, row, session) => {
      if (!session.members.has(userId)) throw notFound('call');
      if (row.caller_id === userId) throw conflict('A caller cancels its call.');
      if (row.state !== 'ringing') throw conflict('The call was taken.');
      const rejected = JSON.stringify([...rejectedBy(row).add(userId)]);
      await trx.updateTable('calls').set({ rejected_by: rejected }).where('id', '=', callId).execute();
      return await resultByItself(trx, { ...row, rejected_by: rejected }, session);
    });
  }

  /** The caller gives up before anybody answers. @throws AppError `not_found`, `conflict` */
  async cancel(connection: Connection, callId: string): Promise<void> {
    const userId = connection.user.id;
    await endCall(this.parts, callId, (_trx, row, session) => {
      if (!session.members.has(userId) || row.caller_id !== userId) throw notFound('call');
      if (row.state !== 'ringing') throw conflict('The call was taken: hang up.');
      return 'cancelled';
    });
  }

  /** Ends the call; before an accept as cancelled or rejected. @throws AppError `not_found` */
  async hangup(connection: Connection, callId: string): Promise<void> {
    const userId = connection.user.id;
    await endCall(this.parts, callId, (_trx, row, session) => {
      if (!session.members.has(userId)) throw notFound('call');
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
    const { database, deliver } = this.parts;
    const call = await findCall(database.kysely, callId);
    const side = call === undefined ? undefined : sideOf(call, connection.user.id);
    if (call === undefined || side === undefined || call.state === 'ended') throw notFound('call');
    if (!(await isParticipant(database.kysely, call.session_id, connection.user.id))) throw notFound('call');
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
    return quietly(this.parts.database, () => this.#sockets.gone(connection.id));
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  async #endThoseOver(): Promise<void> {
    for (const call of await endingCalls(this.parts.database)) {
      // Looked at again under the lock: it may have been taken, or its socket may be back.
      await endCall(this.parts, call.id, resultByItself).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
      });
    }
  }

  /** The call, locked, if it is open and the user and the caller take part in its session. */
  async #requireOpen(trx: Transaction<Schema>, callId: string, userId: string): Promise<CallRow> {
    const row = await lockCall(trx, callId);
    if (row === undefined || row.state === 'ended') throw notFound('call');
    for (const id of [userId, row.caller_id])
      if (!(await isParticipant(trx, row.session_id, id))) throw notFound('call');
    return row;
  }
}
