import { rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseNow } from '../../db/clock';
import { type FileRow } from '../../db/schema';
import { later } from '../../db/time';
import { AppError, invalidField, notFound, unavailable } from '../../errors';
import { extensionOf, type Kind, kindOf } from '../../files/kinds';
import { BadPicture, type Picture } from '../../files/pictures';
import { type FileStore } from '../../files/store';
import { describeError, log } from '../../logger';
import { findFile, insertFile, unnamedOf } from '../../model/files';
import { lockUserState, findUser, type User } from '../../model/users';
import { newFileId } from '../../model/values/file-id';
import { fileName } from '../../model/values/file-name';
import { SYSTEM_USER } from '../../model/values/identifiers';
import { type Services } from '../services';
import { thumbnailOf } from './objects';

export type UploadParts = Pick<Services, 'database' | 'fileStore' | 'metrics' | 'pictures'>;

/** What came in, on this machine. */
export interface Received {
  path: string;
  size: number;
  /** As its sender calls it. */
  name: string | undefined;
}

/** How long a file may stay that no message names. */
export const UNNAMED_MS = 24 * 60 * 60_000;
const MAX_UNNAMED = { count: 100, bytes: 500 * 1024 * 1024 };
const DATABASE_LIMIT_MS = 9_500;
/** A disk with less is full. */
const FULL_BYTES = 1024 * 1024;

/** Where files are kept. @throws AppError `not_found` when they are not */
export function requireStore({ fileStore }: Pick<Services, 'fileStore'>): FileStore {
  if (fileStore === undefined) throw notFound('path');
  return fileStore;
}

/**
 * Keeps what a user uploaded: first the objects, then the row, so that what has a row is whole.
 * @throws AppError `unsupported_media_type`, `validation_failed` at `file`, `not_found` for an unknown user, `rate_limited`,
 * `unavailable`; then nothing is kept
 */
export async function storeUpload(parts: UploadParts, userId: string, received: Received): Promise<FileRow> {
  const store = requireStore(parts);
  const user = await inTime(uploader(parts, userId));
  await inTime(checkRoom(parts, parts.database.kysely, userId, received.size));
  const kind = await kindOf(received.path);
  const isPicture = kind?.mime.startsWith('image/') === true;
  if (kind === undefined || (isPicture && parts.pictures === undefined))
    throw new AppError('unsupported_media_type', 'Files of this kind are not taken.');
  const made = isPicture ? await madePicture(parts, received.path, kind) : undefined;
  const size = made === undefined ? received.size : await sizeOf(made.path);
  const id = newFileId(made && { ...made.picture, hasThumbnail: made.picture.thumbnail !== undefined });
  const thumbnail = made?.picture.thumbnail;
  const row = {
    id,
    user_id: userId,
    name: fileName(received.name, extensionOf(kind.mime)),
    mime: kind.mime,
    size,
    width: made?.picture.width ?? null,
    height: made?.picture.height ?? null,
    duration: kind.duration ?? null,
    thumbnail_mime: thumbnail?.mime ?? null,
    thumbnail_size: thumbnail === undefined ? null : await sizeOf(thumbnail.path),
  };
  try {
    // At once: one after the other, each could take nearly the 10 s that both have.
    const puts = [store.put(id, made?.path ?? received.path, kind.mime)];
    if (thumbnail !== undefined) puts.push(store.put(thumbnailOf(id), thumbnail.path, thumbnail.mime));
    // Both have to end before one that failed is thrown: what is put after the cleanup would stay.
    await Promise.allSettled(puts);
    await Promise.all(puts);
    const stored = await inTime(insert(parts, user, row));
    parts.metrics.files.inc();
    parts.metrics.fileBytes.inc(size + (row.thumbnail_size ?? 0));
    return stored;
  } catch (error) {
    // Not waited for: where the storage is away, this would be as slow. The sweep takes what stays.
    void removeObjects(store, id);
    throw error;
  }
}

/** Removes what was received and what was made of it; what is not there any more is fine. */
export async function forgetReceived({ path: received }: Pick<Received, 'path'>): Promise<void> {
  for (const each of [received, pictureOf(received), pictureThumbnailOf(received)])
    await rm(each, { force: true });
}

const pictureOf = (received: string) => `${received}.picture`;
const pictureThumbnailOf = (received: string) => `${received}.thumbnail`;

async function removeObjects(store: FileStore, id: string): Promise<void> {
  try {
    await store.remove(id);
    await store.remove(thumbnailOf(id));
  } catch (error) {
    log.debug(`objects of an upload that failed stay for the sweep: ${describeError(error)}`);
  }
}

/** undefined: the platform itself. @throws AppError `not_found` */
async function uploader({ database }: UploadParts, userId: string): Promise<User | undefined> {
  if (userId === SYSTEM_USER.id) return undefined;
  const user = await findUser(database.kysely, userId);
  if (user === undefined) throw notFound('user');
  return user;
}

async function madePicture(
  { pictures }: UploadParts,
  source: string,
  { mime }: Kind,
): Promise<{ picture: Picture; path: string } | undefined> {
  const target = pictureOf(source);
  try {
    const picture = await pictures?.make(source, mime, target, pictureThumbnailOf(source));
    return picture && { picture, path: target };
  } catch (error) {
    if (!(error instanceof BadPicture)) throw error;
    if (await isFull(source)) throw unavailable('The storage of files is away or full.');
    throw invalidField('file', `a picture that can be decoded, of 50 million pixels at most`);
  }
}

async function isFull(file: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path.dirname(file));
  return bavail * bsize < FULL_BYTES;
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size;
}

function insert(
  parts: UploadParts,
  user: User | undefined,
  row: Omit<FileRow, 'create_time' | 'unnamed_since' | 'state'>,
): Promise<FileRow> {
  const { database } = parts;
  return database.transaction(async (trx) => {
    // Two uploads of one user are counted one after the other.
    if (user !== undefined) await lockUserState(trx, database.dialect, user.id, user.type);
    const now = await checkRoom(parts, trx, row.user_id, row.size);
    await insertFile(trx, { ...row, create_time: now });
    const stored = await findFile(trx, row.id);
    if (stored === undefined) throw new Error('a file that was just inserted is gone');
    return stored;
  });
}

/**
 * Nobody keeps here what is never sent.
 * @returns the database's time
 * @throws AppError `rate_limited` when the user has too much that no message names
 */
async function checkRoom(
  { database }: UploadParts,
  db: UploadParts['database']['kysely'],
  userId: string,
  size: number,
): Promise<string> {
  const now = await databaseNow(db, database.dialect);
  const { bytes, count } = await unnamedOf(db, userId, later(now, -UNNAMED_MS));
  if (count < MAX_UNNAMED.count && bytes + size <= MAX_UNNAMED.bytes) return now;
  throw new AppError('rate_limited', 'Too many files of this user are not sent.', undefined, {
    'Retry-After': '60',
  });
}

/** @throws AppError `unavailable` when the database does not answer */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = sleep(DATABASE_LIMIT_MS, undefined, { ref: false, signal: ended.signal }).then(() => {
    throw unavailable('The database does not answer.');
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    ended.abort();
  }
}
