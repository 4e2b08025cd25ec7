import { type Transaction } from 'kysely';
import { type Database } from '../../db/database';
import { type DeviceRow, type Schema } from '../../db/schema';
import { deviceOfToken, findDevice, nameDevice } from '../../model/devices';
import { type Platform } from '../../model/users';
import { type Services } from '../services';

/** What an app says of its phone, at a login or with its status. */
export interface DeviceInput {
  userId: string;
  clientId: string | undefined;
  platform: Platform | undefined;
  inBackground: boolean;
  /** The token that the app uses; null: the backend speaks for it. */
  tokenId: string | null;
}

/**
 * Makes, takes over or refreshes the phone that the app means: the one that it names, or else the one that its token named last.
 * A client_id without a platform means a phone only where it is known. @returns the phone; undefined: none is meant
 */
export async function noteDevice(
  trx: Transaction<Schema>,
  { dialect }: Pick<Database, 'dialect'>,
  { clientId, inBackground, platform, tokenId, userId }: DeviceInput,
): Promise<Pick<DeviceRow, 'token_id'> | undefined> {
  if (clientId === undefined) {
    const device = tokenId === null ? undefined : await deviceOfToken(trx, tokenId);
    if (device?.user_id !== userId) return undefined;
    await nameDevice(trx, dialect, {
      ...named(device, inBackground),
      state: device.state,
      platform: phoneOf(platform) ?? device.platform,
    });
    return device;
  }
  const known = await findDevice(trx, clientId);
  const phone = platform === undefined ? known?.platform : phoneOf(platform);
  if (phone === undefined) return undefined;
  const device = {
    clientId,
    userId,
    platform: phone,
    inBackground,
    state: 'active' as const,
    // What the backend says does not part the phone from the app's token.
    tokenId: tokenId ?? (known?.user_id === userId ? known.token_id : null),
  };
  await nameDevice(trx, dialect, device);
  return { token_id: device.tokenId };
}

function named({ client_id, token_id, user_id }: DeviceRow, inBackground: boolean) {
  return { clientId: client_id, userId: user_id, tokenId: token_id, inBackground };
}

function phoneOf(platform: Platform | undefined): DeviceRow['platform'] | undefined {
  return platform === 'ios' || platform === 'android' ? platform : undefined;
}

/** Sockets of the app, in all processes, are looked at from now on, or no longer. */
export function tellBackground(
  { bus, sockets }: Pick<Services, 'bus' | 'sockets'>,
  userId: string,
  tokenId: string | null | undefined,
  inBackground: boolean,
): void {
  if (tokenId === null || tokenId === undefined) return;
  sockets.setBackground(userId, tokenId, inBackground);
  bus.publish({ kind: 'background', userId, tokenId, inBackground });
}
