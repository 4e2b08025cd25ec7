import { z } from 'zod';
import { frame } from '../../views/frames';
import { sessionId } from '../../model/values/identifiers';
import { parse } from '../input';
import { parseAbout, type SocketHandler } from './socket-request';

const inviteData = z.object({
  session_id: sessionId.optional(),
  media: z.enum(['video', 'audio']),
});
const callId = z.string().min(1).max(64);
const onCall = z.object({ call_id: callId });
const signalData = onCall.extend({ signal: z.json() });

const callInvite: SocketHandler = async (call) => {
  const { answer, connection, principal, services } = call;
  const { input, target } = parseAbout(inviteData, call);
  services.rate.take(principal.id);
  const id = await services.calls.invite(connection, target, input.media);
  const told = { call_id: id, ice_servers: services.config.iceServers };
  if (answer.claim()) connection.send(frame('call_ok', told, answer.ref));
};

const callAccept: SocketHandler = ({ connection, data, services }) =>
  services.calls.accept(connection, parse(onCall, data).call_id);

const callReject: SocketHandler = ({ connection, data, services }) =>
  services.calls.reject(connection, parse(onCall, data).call_id);

const callCancel: SocketHandler = ({ connection, data, services }) =>
  services.calls.cancel(connection, parse(onCall, data).call_id);

const callHangup: SocketHandler = ({ connection, data, services }) =>
  services.calls.hangup(connection, parse(onCall, data).call_id);

const callSignal: SocketHandler = ({ connection, data, services }) => {
  const input = parse(signalData, data);
  return services.calls.signal(connection, input.call_id, input.signal);
};

/** The frame types of calls. */
export const CALL_HANDLERS: readonly (readonly [string, SocketHandler])[] = [
  ['call_invite', callInvite],
  ['call_accept', callAccept],
  ['call_reject', callReject],
  ['call_cancel', callCancel],
  ['call_hangup', callHangup],
  ['call_signal', callSignal],
];
