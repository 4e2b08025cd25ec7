import { type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { type ProfileRow, type UserStateRow } from '../db/schema';
import { type SqlTime } from '../db/time';

export const USER_TYPES = ['doctor', 'patient'] as const;
export type UserType = (typeof USER_TYPES)[number];

export const PLATFORMS = ['ios', 'android', 'web', 'wechat'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface User extends ProfileRow {
  type: UserType;
}

const TABLES = { doctor: 'doctors', patient: 'patients' } as const;

/** The profiles of those of `ids` that exist, by id: two queries, however many ids. */
export async function findUsers(db: Queryable, ids: readonly string[]): Promise<Map<string, User>> {
  const found = new Map<string, User>();
  if (ids.length === 0) return found;
  const wanted = new Set(ids);
  for (const type of USER_TYPES) {
    const rows = await db
      .selectFrom(TABLES[type])
      .select(['id', 'name', 'sex', 'birthdate', 'avatar', 'openid'])
      .where('id', 'in', [...wanted])
      .execute();
    // A platform's view may compare ids without regard to case.
    for (const row of rows) if (wanted.has(row.id) && !found.has(row.id)) found.set(row.id, { ...row, type });
  }
  return found;
}

export async function findUser(db: Queryable, id: string): Promise<User | undefined> {
  return (await findUsers(db, [id])).get(id);
}

/** A patient's openid; empty where it is not known, or there is no such patient. */
export async function findOpenid(db: Queryable, id: string): Promise<string> {
  const rows = await db.selectFrom('patients').select(['id', 'openid']).where('id', '=', id).execute();
  // A platform's view may compare ids without regard to case.
  return rows.find((row) => row.id === id)?.openid ?? '';
}

/** Whether the profiles are the platform's, seen through views, so that they can't be changed here. */
export async function profilesAreViews(db: Queryable, dialect: Dialect): Promise<boolean> {
  return (await dialect.viewsAmong(db, Object.values(TABLES))).length > 0;
}

type ProfileFields = Pick<ProfileRow, 'name' | 'sex' | 'birthdate' | 'avatar' | 'openid'>;
export type ProfileChange = { [Field in keyof ProfileFields]?: ProfileFields[Field] | undefined };

/** Makes the profile of a user whose state row is this transaction's. */
export async function insertProfile(
  trx: Queryable,
  type: UserType,
  id: string,
  profile: ProfileChange & { name: string },
): Promise<void> {
  await trx
    .insertInto(TABLES[type])
    .values({ id, ...profile })
    .execute();
}

export async function updateProfile(
  trx: Queryable,
  type: UserType,
  id: string,
  change: ProfileChange,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await trx.updateTable(TABLES[type]).set(change).where('id', '=', id).execute();
}

/** The user's state row, locked until the transaction's end; made when it is missing. Its type is the first one that came. */
export async function lockUserState(
  trx: Queryable,
  dialect: Dialect,
  id: string,
  type: UserType,
): Promise<UserStateRow> {
  await dialect.upsert(trx, 'user_states', ['user_id'], { user_id: id, type }, []);
  return trx
    .selectFrom('user_states')
    .selectAll()
    .where('user_id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export async function findUserState(db: Queryable, id: string): Promise<UserStateRow | undefined> {
  return db.selectFrom('user_states').selectAll().where('user_id', '=', id).executeTakeFirst();
}

export interface StatusChange {
  in_background?: number;
  client_id?: string | null;
  platform?: Platform | null;
  last_active_time?: SqlTime;
}

/** Sets what `change` holds in a state row that exists. */
export async function updateUserState(db: Queryable, id: string, change: StatusChange): Promise<void> {
  await db.updateTable('user_states').set(change).where('user_id', '=', id).execute();
}

/** Whether two users take part in one session. */
export async function shareSession(db: Queryable, first: string, second: string): Promise<boolean> {
  const row = await db
    .selectFrom('participants as mine')
    .innerJoin('participants as theirs', 'theirs.session_id', 'mine.session_id')
    .select('mine.session_id')
    .where('mine.participant_id', '=', first)
    .where('theirs.participant_id', '=', second)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Those of these users with whom the user takes part in a session. */
export async function sharedWith(
  db: Queryable,
  userId: string,
  others: readonly string[],
): Promise<Set<string>> {
  const rows = await db
    .selectFrom('participants as theirs')
    .innerJoin('participants as mine', 'mine.session_id', 'theirs.session_id')
    .select('theirs.participant_id')
    .distinct()
    .where('theirs.participant_id', 'in', [...others])
    .where('mine.participant_id', '=', userId)
    .execute();
  return new Set(rows.map(({ participant_id: id }) => id));
}
