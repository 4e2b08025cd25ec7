import { type Database, type Queryable } from '../db/database';
import { toSqlTime } from '../db/time';

/** Revokes one token, by its `jti`, until `expiresAt` (ms), when it is refused anyway and retention lets it go. Twice is as good as once. */
export async function revokeToken(database: Database, id: string, expiresAt: number): Promise<void> {
  const { dialect, kysely } = database;
  await dialect.upsert(kysely, 'revoked_tokens', ['id'], { id, expires_time: toSqlTime(expiresAt) });
}

/**
 * Revokes all tokens that the user has.
 * @returns the generation of later ones; undefined for a user who never had any
 */
export async function revokeAllTokens(db: Queryable, userId: string): Promise<number | undefined> {
  await db
    .updateTable('user_states')
    .set((eb) => ({ token_generation: eb('token_generation', '+', 1) }))
    .where('user_id', '=', userId)
    .execute();
  const state = await db
    .selectFrom('user_states')
    .select('token_generation')
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return state?.token_generation;
}

/** Whether a token with this `jti`, user and generation still counts. */
export async function tokenHolds(
  db: Queryable,
  id: string,
  userId: string,
  generation: number,
): Promise<boolean> {
  const revoked = await db.selectFrom('revoked_tokens').select('id').where('id', '=', id).executeTakeFirst();
  if (revoked !== undefined) return false;
  const state = await db
    .selectFrom('user_states')
    .select('token_generation')
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return state?.token_generation === generation;
}

/** A token as a socket came with it. */
export interface TokenInUse {
  tokenId: string;
  userId: string;
  generation: number;
}

/** The ids of those of these tokens that are revoked: two queries. */
export async function revokedAmong(db: Queryable, tokens: readonly TokenInUse[]): Promise<Set<string>> {
  const revoked = await db
    .selectFrom('revoked_tokens')
    .select('id')
    .where(
      'id',
      'in',
      tokens.map(({ tokenId }) => tokenId),
    )
    .execute();
  const ids = new Set(revoked.map(({ id }) => id));
  const states = await db
    .selectFrom('user_states')
    .select(['user_id', 'token_generation'])
    .where('user_id', 'in', [...new Set(tokens.map(({ userId }) => userId))])
    .execute();
  const generations = new Map(states.map((state) => [state.user_id, state.token_generation]));
  for (const { generation, tokenId, userId } of tokens) {
    if (generations.get(userId) !== generation) ids.add(tokenId);
  }
  return ids;
}
