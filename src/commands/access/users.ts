import { randomUUID } from 'node:crypto';
import { nowSql, toSqlTime } from '../../db/time';
import { AppError, conflict, invalidField, notFound } from '../../errors';
import {
  findUser,
  findUserState,
  insertProfile,
  lockUserState,
  type Platform,
  type ProfileChange,
  profilesAreViews,
  updateProfile,
  updateUserState,
  type User,
  type UserType,
} from '../../model/users';
import { asName } from '../../model/values/text';
import { statusView } from '../../views/user';
import { type Services } from '../services';
import { noteDevice, tellBackground } from './devices';

type ProfileParts = Pick<Services, 'bus' | 'database' | 'names'>;

export interface LoginInput {
  userId: string;
  userType: UserType;
  platform?: Platform | undefined;
  clientId?: string | undefined;
}

/**
 * Logs a user in whom the backend has checked. In `dev` an unknown user is made, with its id as its name.
 * @throws AppError `not_found`; `validation_failed` on `user_type` when the user is of the other type
 */
export async function login(
  parts: Pick<Services, 'bus' | 'config' | 'database' | 'names' | 'tokens'>,
  input: LoginInput,
) {
  const { config, database, tokens } = parts;
  const { userId, userType } = input;
  const user =
    (await findUser(database.kysely, userId)) ??
    (config.openLogin ? await makeUser(parts, userId, userType) : undefined);
  if (user === undefined) throw notFound('user');
  if (user.type !== userType) throw invalidField('user_type', `this user is a ${user.type}`);
  const tokenId = randomUUID();
  const generation = await database.transaction(async (trx) => {
    const state = await lockUserState(trx, database.dialect, userId, user.type);
    await updateUserState(trx, userId, {
      in_background: 0,
      last_active_time: nowSql(),
      ...(input.platform === undefined ? {} : { platform: input.platform }),
      ...(input.clientId === undefined ? {} : { client_id: input.clientId }),
    });
    const { clientId, platform } = input;
    if (clientId !== undefined)
      await noteDevice(trx, database, { userId, clientId, platform, inBackground: false, tokenId });
    return state.token_generation;
  });
  const { token, expiresAt } = await tokens.sign(user, generation, tokenId);
  return { token, expiresAt, user };
}

async function makeUser(parts: ProfileParts, id: string, type: UserType): Promise<User | undefined> {
  const { database } = parts;
  if (await profilesAreViews(database.kysely, database.dialect)) return undefined;
  try {
    await putUser(parts, id, type, { name: asName(id) });
  } catch (error) {
    // Somebody was first, with another type: that one's is shown.
    if (!(error instanceof AppError) || error.code !== 'conflict') throw error;
  }
  return findUser(database.kysely, id);
}

/**
 * Makes or changes a user's profile. What `profile` leaves out stays as it is.
 * @throws AppError `conflict` for another type than before, and for profiles that are the platform's views
 */
export async function putUser(
  { bus, database, names }: ProfileParts,
  id: string,
  type: UserType,
  profile: ProfileChange & { name: string },
): Promise<{ user: User; created: boolean }> {
  if (await profilesAreViews(database.kysely, database.dialect)) {
    throw conflict("The profiles are the platform's: change them there.");
  }
  const outcome = await database.transaction(async (trx) => {
    // Its row makes two at once wait for each other, whichever table each wants the user in.
    const state = await lockUserState(trx, database.dialect, id, type);
    const before = await findUser(trx, id);
    if ((before?.type ?? state.type) !== type) throw conflict(`The user is a ${before?.type ?? state.type}.`);
    if (before === undefined) await insertProfile(trx, type, id, profile);
    else await updateProfile(trx, type, id, profile);
    const user = await findUser(trx, id);
    if (user === undefined) throw notFound('user');
    return { user, created: before === undefined };
  });
  names.delete(id);
  bus.publish({ kind: 'profile', userId: id });
  return outcome;
}

/** A user's status, as of now. */
export async function userStatus(
  services: Pick<Services, 'activity' | 'database' | 'presence'>,
  userId: string,
) {
  const state = await findUserState(services.database.kysely, userId);
  return statusView(userId, state, services.presence.isOnline(userId), services.activity.pending(userId));
}

export interface StatusInput {
  inBackground: boolean;
  clientId?: string | undefined;
  platform?: Platform | undefined;
  /** The token that the request came with; null: the backend's. */
  tokenId: string | null;
}

/** Notes what the user's app says of itself. @throws AppError `not_found` */
export async function setUserStatus(
  services: Pick<Services, 'activity' | 'bus' | 'database' | 'presence' | 'sockets'>,
  userId: string,
  input: StatusInput,
) {
  const { database } = services;
  const user = await findUser(database.kysely, userId);
  if (user === undefined) throw notFound('user');
  const device = await database.transaction(async (trx) => {
    await lockUserState(trx, database.dialect, userId, user.type);
    await updateUserState(trx, userId, {
      in_background: input.inBackground ? 1 : 0,
      last_active_time: toSqlTime(Date.now()),
      ...(input.clientId === undefined ? {} : { client_id: input.clientId }),
      ...(input.platform === undefined ? {} : { platform: input.platform }),
    });
    const { clientId, inBackground, platform, tokenId } = input;
    return noteDevice(trx, database, { userId, clientId, platform, inBackground, tokenId });
  });
  tellBackground(services, userId, device?.token_id, input.inBackground);
  return userStatus(services, userId);
}
