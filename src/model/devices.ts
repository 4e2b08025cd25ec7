import { type Database, type Queryable } from '../db/database';
import { type DeviceRow } from '../db/schema';
import { placeholders, type Run, statement } from '../db/statement';
import { databaseNow } from '../db/clock';

/** What an app says of the phone that it is on. */
export interface NamedDevice {
  clientId: string;
  userId: string;
  platform: DeviceRow['platform'];
  inBackground: boolean;
  /** The token that names it; null: the backend does. */
  tokenId: string | null;
}

/** Makes the device, or takes it over: it belongs to who named it last, and pushes go there from now on. */
export async function nameDevice(trx: Queryable, { dialect }: Database, named: NamedDevice): Promise<void> {
  await dialect.upsert(trx as never, 'devices', ['client_id'], {
    client_id: named.clientId,
    user_id: named.userId,
    platform: named.platform,
    in_background: named.inBackground ? 1 : 0,
    state: 'active',
    token_id: named.tokenId,
    update_time: await databaseNow(trx, dialect),
  });
}

export async function findDevice(db: Queryable, clientId: string): Promise<DeviceRow | undefined> {
  return db.selectFrom('devices').selectAll().where('client_id', '=', clientId).executeTakeFirst();
}

/** The device that this token named last. */
export async function deviceOfToken(db: Queryable, tokenId: string): Promise<DeviceRow | undefined> {
  return db
    .selectFrom('devices')
    .selectAll()
    .where('token_id', '=', tokenId)
    .orderBy('update_time', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** A user's devices, the one named last first. */
export async function devicesOf(db: Queryable, userId: string): Promise<DeviceRow[]> {
  return db
    .selectFrom('devices')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('update_time', 'desc')
    .orderBy('client_id')
    .execute();
}

/** @returns whether there was such a device of the user's */
export async function removeDevice(db: Queryable, userId: string, clientId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('devices')
    .where('client_id', '=', clientId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Takes away what a token that logs out named last; another token may have named it since. */
export async function removeDeviceOfToken(db: Queryable, userId: string, tokenId: string): Promise<void> {
  const device = await deviceOfToken(db, tokenId);
  if (device === undefined) return;
  await db
    .deleteFrom('devices')
    .where('client_id', '=', device.client_id)
    .where('user_id', '=', userId)
    .where('token_id', '=', tokenId)
    .execute();
}

export async function removeDevicesOf(db: Queryable, userId: string): Promise<void> {
  await db.deleteFrom('devices').where('user_id', '=', userId).execute();
}

/** The push service knows this device no longer, unless somebody has named it since. */
export async function retireDevice(db: Queryable, { client_id, update_time }: DeviceRow): Promise<void> {
  await db
    .updateTable('devices')
    .set({ state: 'retired' })
    .where('client_id', '=', client_id)
    .where('update_time', '=', update_time)
    .execute();
}

/** A device as far as deciding who gets what is concerned. */
export interface PushDevice {
  clientId: string;
  inBackground: boolean;
  tokenId: string | null;
}

/** The active devices of the participants of these sessions, by user. */
export async function activeDevices(
  run: Run,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PushDevice[]>> {
  const [result] = await run([
    statement(
      `select distinct d.client_id, d.user_id, d.in_background, d.token_id from devices d
       join participants p on p.participant_id = d.user_id
       where p.session_id in (${placeholders(sessionIds.length)}) and d.state = 'active'`,
      [...sessionIds],
    ),
  ]);
  const found = new Map<string, PushDevice[]>();
  for (const row of (result?.rows ?? []) as unknown as DeviceRow[]) {
    const device = {
      clientId: row.client_id,
      inBackground: row.in_background === 1,
      tokenId: row.token_id,
    };
    const known = found.get(row.user_id);
    if (known === undefined) found.set(row.user_id, [device]);
    else known.push(device);
  }
  return found;
}

/** The active devices of a user on a platform. */
export async function activeDevicesOn(
  db: Queryable,
  userId: string,
  platform: DeviceRow['platform'],
): Promise<string[]> {
  const rows = await db
    .selectFrom('devices')
    .select('client_id')
    .where('user_id', '=', userId)
    .where('platform', '=', platform)
    .where('state', '=', 'active')
    .execute();
  return rows.map((row) => row.client_id);
}
