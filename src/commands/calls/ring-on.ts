import { describeError, log } from '../../logger';
import { insertRings, lockCall, openCalls, rejectedBy } from '../../model/calls';
import { type Connection } from '../../push/sockets/connection';
import { TextFrame } from '../../push/sockets/text-frame';
import { type Services } from '../services';
import { acceptFrame, inviteFrame } from './call-frames';
import { type CallSockets, isVacant } from './call-sockets';

/** A socket that logs in while it rings, such as a patient's out of WeChat, gets the invite; a caller who was away is back in the call. */
export async function ringOn(
  { config, database }: Pick<Services, 'config' | 'database'>,
  sockets: CallSockets,
  connection: Connection,
): Promise<void> {
  const sessions = [...connection.watched()];
  if (sessions.length === 0) return;
  const userId = connection.user.id;
  for (const call of await openCalls(database.kysely, sessions)) {
    if (call.caller_id === userId) {
      const back = quietly(database, () => callerBack(sockets, connection, call.id));
      // Whether a process that held a socket has died shows only after a while; the login does not wait for that.
      if (isVacant(call.caller_socket)) await back;
    } else if (call.state === 'ringing' && !rejectedBy(call).has(userId)) {
      if (await countRung(database, call.id, userId)) {
        connection.pushEvent(new TextFrame(inviteFrame(call, config.iceServers)));
      }
    }
  }
}

/** From now on the call rings until this user has said no, too. @returns whether it still rings */
async function countRung(database: Services['database'], callId: string, userId: string): Promise<boolean> {
  return database.transaction(async (trx) => {
    const call = await lockCall(trx, callId);
    if (call?.state !== 'ringing') return false;
    await insertRings(trx, database.dialect, callId, [userId]);
    return true;
  });
}

/** A caller who was away is back in a call that rings, and hears that it was taken if it may not know. */
async function callerBack(sockets: CallSockets, connection: Connection, callId: string): Promise<void> {
  // It may be taken, or its place given up, just now: then it is looked at again.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const call = await sockets.settled(callId);
    if (call?.state === 'active' && sockets.isUntold(call)) {
      // The place is for the first of the caller's sockets that sends a signal.
      if (await sockets.hasGone(call, 'caller')) {
        connection.pushEvent(new TextFrame(acceptFrame(call)));
        return;
      }
    } else if (call?.state !== 'ringing' || (await sockets.takePlace(connection, call, 'caller'))) {
      return;
    }
  }
}

/** What looks after calls by itself is done again later where it failed. */
export async function quietly(
  { outage }: Pick<Services['database'], 'outage'>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!outage.explains(error))
      log.warn(`calls could not be looked after, trying again: ${describeError(error)}`);
  }
}
