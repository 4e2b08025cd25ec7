import { type CallRow } from '../../db/schema';
import { type IceServer } from '../../resources/config/config';
import { frame } from '../../views/frames';

export function inviteFrame(
  call: Pick<CallRow, 'id' | 'session_id' | 'caller_id' | 'media'>,
  iceServers: readonly IceServer[],
): string {
  return frame('call_invite', {
    call_id: call.id,
    session_id: call.session_id,
    from: call.caller_id,
    media: call.media,
    ice_servers: iceServers,
  });
}

export function acceptFrame({ callee_id: userId, id }: Pick<CallRow, 'id' | 'callee_id'>): string {
  return frame('call_accept', { call_id: id, user_id: userId });
}
