import { type Transaction } from 'kysely';
import { type CallRow, type Schema } from '../../db/schema';
import { runIn } from '../../db/statement';
import { fromSqlTime } from '../../db/time';
import { notFound } from '../../errors';
import { Append } from '../../model/appending/append';
import { Events } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { type CallResult, callSeconds, deleteRings, findCall, lockCall } from '../../model/calls';
import { skipCallPushes } from '../../model/push-notices';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { frame } from '../../views/frames';
import { storedMessages } from '../sending/send';
import { type Services } from '../services';
import { isVacant } from './call-sockets';

export type EndCallParts = Pick<
  Services,
  'announceStored' | 'database' | 'deliver' | 'noticePlan' | 'wantedEvents'
>;

/** How an open call ends; undefined: it goes on. Runs under the locks of the session and the call. */
export type DecideEnd = (
  trx: Transaction<Schema>,
  row: CallRow,
  session: LockedSession,
) => Promise<CallResult | undefined> | CallResult | undefined;

/**
 * Ends an open call as `decide` says, with its record, in one transaction: so there is exactly one record whoever ends it and
 * whenever a process dies.
 * @throws AppError `not_found` when there is no such open call, and what `decide` throws
 */
export async function endCall(parts: EndCallParts, callId: string, decide: DecideEnd): Promise<void> {
  const { announceStored, database, deliver, noticePlan, wantedEvents } = parts;
  const { dialect } = database;
  const known = await findCall(database.kysely, callId);
  if (known === undefined) throw notFound('call');
  const ended = await database.transaction(async (trx) => {
    const run = runIn(trx, dialect);
    const session = await lockSession(run, dialect, known.session_id);
    const row = await lockCall(trx, callId);
    if (session === undefined || row === undefined || row.state === 'ended') throw notFound('call');
    const result = await decide(trx, row, session);
    if (result === undefined) return undefined;
    const { now } = session;
    const accepted = row.accept_time === null ? null : fromSqlTime(row.accept_time);
    const duration = callSeconds(accepted, fromSqlTime(now));
    const events = new Events(wantedEvents);
    const append = new Append(dialect, noticePlan, events);
    const record = append.add(session, {
      senderId: row.caller_id,
      senderName: row.caller_name,
      type: MESSAGE_TYPE.call,
      content: JSON.stringify({ call_id: callId, result, duration }),
      client: null,
    });
    events.add(session, 'call.ended', { details: { call_id: callId, result, duration } });
    await append.store(run);
    await events.store(run);
    await trx
      .updateTable('calls')
      .set({ state: 'ended', open_session_id: null, end_time: now, result })
      .where('id', '=', callId)
      .execute();
    await deleteRings(trx, callId);
    if (noticePlan.usesDevices) {
      const userIds = [...session.members.keys()];
      append.notices.pushesSkipped = await skipCallPushes(
        trx,
        { id: callId, sessionId: row.session_id, userIds },
        now,
      );
    }
    const { notices, repliedTopics } = append;
    return {
      row,
      duration,
      result,
      stored: { messages: storedMessages(session, [record], 'as-stored'), repliedTopics, notices },
    };
  });
  if (ended === undefined) return;
  const { duration, result, row, stored } = ended;
  const told = frame('call_ended', { call_id: callId, result, duration });
  deliver.sessionEvent(row.session_id, told);
  // Who is in the call may be bound to another session.
  for (const socket of [row.caller_socket, row.callee_socket]) {
    if (socket !== null && !isVacant(socket)) deliver.socketEvent(socket, told, row.session_id);
  }
  announceStored(stored);
}
