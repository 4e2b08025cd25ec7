import { type DeviceRow, type UserStateRow } from '../db/schema';
import { toIso, toSqlTime, laterOf } from '../db/time';
import { type User } from '../model/users';

/** The wire form of a user. The openid is for the backend alone. */
export function userView(user: User, withOpenid: boolean) {
  return {
    id: user.id,
    type: user.type,
    name: user.name,
    sex: user.sex,
    birthdate: user.birthdate === null ? null : user.birthdate.slice(0, 10),
    avatar: user.avatar,
    ...(withOpenid ? { openid: user.openid } : {}),
  };
}

/**
 * The wire form of a user's status.
 * @param pendingActivity a later activity that is not in the row yet, ms since the epoch
 */
export function statusView(
  userId: string,
  state: UserStateRow | undefined,
  online: boolean,
  pendingActivity: number | undefined,
) {
  const active = laterOf(
    state?.last_active_time ?? null,
    pendingActivity === undefined ? null : toSqlTime(pendingActivity),
  );
  return {
    user_id: userId,
    online,
    in_background: state?.in_background === 1,
    platform: state?.platform ?? null,
    last_active_time: active === null ? null : toIso(active),
  };
}

/** A phone that pushes go to. */
export function deviceView(device: DeviceRow) {
  return {
    client_id: device.client_id,
    platform: device.platform,
    in_background: device.in_background === 1,
    update_time: toIso(device.update_time),
    state: device.state,
  };
}
