import { type NoticePlan, type Occasion, type PlannedNotice } from '../../model/written-notices';
import { type PushDevice } from '../../model/devices';
import { type UserType } from '../../model/users';
import { type Presence } from '../../push/presence';

/** What decides how somebody hears of a message or of a call's invitation. */
export interface Receiver {
  type: UserType;
  occasion: Occasion;
  /** Has a socket that gets the session's messages as `message`. */
  hears: boolean;
  /** The same for a socket whose phone is not in the background. */
  looksAt: boolean;
  /** The active devices; none while Getui is off. */
  devices: readonly string[];
}

export interface Ways {
  /** Whether WeChat is on. */
  wechat: boolean;
  /** How long a socket has to acknowledge, ms. */
  ackMs: number;
}

/**
 * Who gets what: the notices of one receiver. The same table is in doc/notices.md. What no longer holds when a notice is sent
 * (membership, recall, openid, device) is looked at then.
 */
export function planNotices(receiver: Receiver, { ackMs, wechat }: Ways): PlannedNotice[] {
  const { devices, hears, looksAt, occasion, type } = receiver;
  if (occasion === 'call' && hears) return [];
  if (devices.length > 0) {
    const delayMs = occasion === 'message' && looksAt ? ackMs : 0;
    const wechatFollows = occasion === 'message' && type === 'patient' && wechat;
    return devices.map((clientId) => ({
      channel: 'getui',
      clientId,
      state: 'pending',
      delayMs,
      wechatFollows,
    }));
  }
  if (type === 'doctor') return [];
  const state = hears || wechat ? 'pending' : 'skipped';
  return [{ channel: 'wechat', clientId: null, state, delayMs: hears ? ackMs : 0, wechatFollows: false }];
}

/** `planNotices` for this server. @param ways `getui`: whether phones are pushed to */
export function noticePlanOf(
  presence: Pick<Presence, 'hears' | 'looksAt'>,
  ways: Ways & { getui: boolean },
): NoticePlan {
  const clientIds = (devices: readonly PushDevice[]) => devices.map(({ clientId }) => clientId);
  return {
    usesDevices: ways.getui,
    plan: (sessionId, member, devices, occasion) =>
      planNotices(
        {
          type: member.type,
          occasion,
          hears: presence.hears(sessionId, member.id),
          looksAt: devices.length > 0 && presence.looksAt(sessionId, member.id),
          devices: clientIds(devices),
        },
        ways,
      ),
  };
}
