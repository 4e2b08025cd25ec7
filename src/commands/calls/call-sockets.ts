import { setTimeout as sleep } from 'node:timers/promises';
import { type CallRow } from '../../db/schema';
import { fromSqlTime, later, type SqlTime } from '../../db/time';
import { type CallSide, findCall, holdSocket } from '../../model/calls';
import { type Connection } from '../../push/sockets/connection';
import { databaseNow } from '../../db/clock';
import { type Services } from '../services';

/** No socket has this id: the call waits for one. */
const GONE = '';
/** The same, where the caller may not know that its call was taken. */
export const UNTOLD = '-';

/** Whether it is known that the call waits for a socket in this place. */
export function isVacant(socket: string | null): boolean {
  return socket === GONE || socket === UNTOLD;
}

interface Place {
  side: CallSide;
  /** Whether it has sent a signal: so it knows that the call was taken. */
  signalled: boolean;
}

/** Which of the two a user is in a call. */
export function sideOf(call: CallRow, userId: string): CallSide | undefined {
  if (call.caller_id === userId) return 'caller';
  return call.callee_id === userId ? 'callee' : undefined;
}

export function socketOf(call: CallRow, side: CallSide): string | null {
  return side === 'caller' ? call.caller_socket : call.callee_socket;
}

function untilOf(call: CallRow, side: CallSide): SqlTime | null {
  return side === 'caller' ? call.caller_until : call.callee_until;
}

/**
 * The sockets in calls. The process that holds one moves its time on in the call's row every two seconds at most; when the
 * process dies, the time runs out.
 */
export class CallSockets {
  /** By the socket's id, then the call's. A socket that has closed stays until the row says so. */
  readonly #held = new Map<string, Map<string, Place>>();
  readonly holdEveryMs: number;

  constructor(private readonly parts: Pick<Services, 'bus' | 'config' | 'database' | 'sockets'>) {
    this.holdEveryMs = Math.min(2_000, Math.max(100, parts.config.callReconnectMs / 4));
    parts.bus.listen({
      event: (event) => {
        if (event.kind === 'socket-check') void parts.sockets.byId(event.connectionId)?.stillThere();
      },
    });
  }

  /** The process answers for this socket in the call from now on, until it closes. */
  hold(connection: Connection, callId: string, side: CallSide): void {
    const held = this.#held.get(connection.id) ?? new Map<string, Place>();
    held.set(callId, { side, signalled: false });
    this.#held.set(connection.id, held);
  }

  /** The socket has sent a signal in the call. */
  signalled(connection: Connection, callId: string): void {
    const place = this.#held.get(connection.id)?.get(callId);
    if (place !== undefined) place.signalled = true;
  }

  /** Until when a socket that is open at `now` is answered for. */
  leaseEnd(now: SqlTime): SqlTime {
    return later(now, this.#leaseMs);
  }

  #now(): Promise<SqlTime> {
    const { dialect, kysely } = this.parts.database;
    return databaseNow(kysely, dialect);
  }

  get #leaseMs(): number {
    return this.parts.config.callReconnectMs + this.holdEveryMs * 3;
  }

  /** Moves the time of every socket in a call on. */
  async holdAll(): Promise<void> {
    if (this.#held.size === 0) return;
    const until = this.leaseEnd(await this.#now());
    for (const [socket, held] of this.#held) {
      if (this.parts.sockets.byId(socket) === undefined) {
        // It closed while the database was at work, or away.
        await this.gone(socket);
        continue;
      }
      for (const [callId, { side }] of held) {
        const still = await holdSocket(this.parts.database.kysely, callId, side, socket, until);
        if (!still) held.delete(callId);
      }
      if (held.size === 0) this.#held.delete(socket);
    }
  }

  /** A socket has closed: its calls wait for another one of its user. */
  async gone(socket: string): Promise<void> {
    const held = this.#held.get(socket);
    if (held === undefined) return;
    const until = later(await this.#now(), this.parts.config.callReconnectMs);
    for (const [callId, { side, signalled }] of held) {
      const taken = signalled ? GONE : UNTOLD;
      await this.parts.database.kysely
        .updateTable('calls')
        .set((eb) =>
          side === 'caller'
            ? {
                caller_socket: eb.case().when('state', '=', 'active').then(taken).else(GONE).end(),
                caller_until: until,
              }
            : { callee_socket: GONE, callee_until: until },
        )
        .where('id', '=', callId)
        .where(side === 'caller' ? 'caller_socket' : 'callee_socket', '=', socket)
        .execute();
    }
    this.#held.delete(socket);
  }

  /** The call. If its caller's socket was in this process and has closed, the row says so. */
  async settled(callId: string): Promise<CallRow | undefined> {
    const { database, sockets } = this.parts;
    const call = await findCall(database.kysely, callId);
    const socket = call?.caller_socket ?? GONE;
    if (!sockets.isOwn(socket) || sockets.byId(socket) !== undefined) return call;
    await this.gone(socket);
    return findCall(database.kysely, callId);
  }

  /**
   * Whether nobody is in that place: its socket has closed, its peer does not answer, or the process that held it has died. The
   * last two show after a while.
   */
  async hasGone(call: CallRow, side: CallSide): Promise<boolean> {
    const { bus, database, sockets } = this.parts;
    const socket = socketOf(call, side) ?? GONE;
    if (isVacant(socket)) return true;
    if (sockets.isOwn(socket)) return !(await sockets.byId(socket)?.stillThere());
    // A living process moves the time on, and writes that the socket has closed.
    bus.publish({ kind: 'socket-check', connectionId: socket });
    await sleep(this.holdEveryMs * 2);
    const later = await findCall(database.kysely, call.id);
    return (
      later !== undefined && socketOf(later, side) === socket && untilOf(later, side) === untilOf(call, side)
    );
  }

  /**
   * Puts a socket into the place of another one of its user that has gone.
   * @returns whether it is in that place now; false: the other one is still there, or the call's state has changed
   */
  async takePlace(connection: Connection, call: CallRow, side: CallSide): Promise<boolean> {
    if ((await this.hasGone(call, side)) && (await this.#replace(connection, call, side))) return true;
    // The row may say only now that the other one has gone.
    const now = await findCall(this.parts.database.kysely, call.id);
    if (now?.state !== call.state || socketOf(now, side) === socketOf(call, side)) return false;
    return this.takePlace(connection, now, side);
  }

  /** @returns whether the call was still as `call` has it */
  async #replace(connection: Connection, call: CallRow, side: CallSide): Promise<boolean> {
    const column = side === 'caller' ? 'caller_socket' : 'callee_socket';
    const until = this.leaseEnd(await this.#now());
    const result = await this.parts.database.kysely
      .updateTable('calls')
      .set(
        side === 'caller'
          ? { caller_socket: connection.id, caller_until: until }
          : { callee_socket: connection.id, callee_until: until },
      )
      .where('id', '=', call.id)
      .where(column, '=', socketOf(call, side) ?? GONE)
      .where('state', '=', call.state)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) return false;
    this.hold(connection, call.id, side);
    return true;
  }

  /**
   * Whether the caller may not know that its call was taken: it was away then, or has gone since without a signal, or the
   * process that held its socket had died. The call is one that is `settled`.
   */
  isUntold({ accept_time: accepted, caller_socket: socket, caller_until: until }: CallRow): boolean {
    if (accepted === null || socket === GONE || this.parts.sockets.isOwn(socket)) return false;
    if (socket === UNTOLD) return true;
    return fromSqlTime(accepted) > fromSqlTime(until) - this.#leaseMs;
  }
}
