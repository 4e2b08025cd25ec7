import { databaseNow } from '../db/clock';
import { type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { type DeviceRow } from '../db/schema';
import { placeholders, type Run, type Statement, statement, type StatementResult } from '../db/statement';

/** A phone as somebody names it. */
export interface NamedDevice {
  clientId: string;
  userId: string;
  platform: DeviceRow['platform'];
  inBackground: boolean;
  state: DeviceRow['state'];
  /** The token that named it last; null: the backend did. */
  tokenId: string | null;
}

/** Makes the device, or takes it over: it belongs to who named it last. */
export async function nameDevice(trx: Queryable, dialect: Dialect, named: NamedDevice): Promise<void> {
  const { clientId, inBackground, platform, state, tokenId, userId } = named;
  if (tokenId !== null) {
    await trx
      .updateTable('devices')
      .set({ token_id: null })
      .where('token_id', '=', tokenId)
      .where('client_id', '<>', clientId)
      .execute();
  }
  await dialect.upsert(trx, 'devices', ['client_id'], {
    client_id: clientId,
    user_id: userId,
    platform,
    in_background: inBackground ? 1 : 0,
    state,
    token_id: tokenId,
    update_time: await databaseNow(trx, dialect),
  });
}

export async function findDevice(db: Queryable, clientId: string): Promise<DeviceRow | undefined> {
  return db.selectFrom('devices').selectAll().where('client_id', '=', clientId).executeTakeFirst();
}

/** The device that this token named last. */
export async function deviceOfToken(db: Queryable, tokenId: string): Promise<DeviceRow | undefined> {
  return db.selectFrom('devices').selectAll().where('token_id', '=', tokenId).executeTakeFirst();
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

/** Takes away what a token that logs out named last; where another token has named it since, it stays. */
export async function removeDeviceOfToken(db: Queryable, userId: string, tokenId: string): Promise<void> {
  await db.deleteFrom('devices').where('token_id', '=', tokenId).where('user_id', '=', userId).execute();
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

/** A device that a push may go to. */
export interface PushDevice {
  clientId: string;
}

/** By user. */
export type PushDevices = ReadonlyMap<string, readonly PushDevice[]>;

/** The active devices of the participants of these sessions, by user. */
export async function activeDevices(run: Run, sessionIds: readonly string[]): Promise<PushDevices> {
  const [result] = await run([activeDevicesStatement(sessionIds)]);
  return activeDevicesIn(result);
}

/** The same as a statement for a `run` with others, and what came of it. */
export function activeDevicesStatement(sessionIds: readonly string[]): Statement {
  return statement(
    `select distinct d.client_id, d.user_id from devices d
     join participants p on p.participant_id = d.user_id
     where p.session_id in (${placeholders(sessionIds.length)}) and d.state = 'active'`,
    sessionIds,
  );
}

export function activeDevicesIn(result: StatementResult | undefined): PushDevices {
  const found = new Map<string, PushDevice[]>();
  for (const row of (result?.rows ?? []) as unknown as DeviceRow[]) {
    const known = found.get(row.user_id);
    if (known === undefined) found.set(row.user_id, [{ clientId: row.client_id }]);
    else known.push({ clientId: row.client_id });
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
