import { type FileRow } from '../../db/schema';
import { notFound } from '../../errors';
import { findFile, isSentTo } from '../../model/files';
import { isFileId } from '../../model/values/file-id';
import { type Principal } from '../access/tokens';
import { type Services } from '../services';

/**
 * The file, if the one who asks uploaded it, takes part in a session where it was sent, or is the platform.
 * @throws AppError `not_found`, also when all its messages were taken back
 */
export async function readableFile(
  { database }: Pick<Services, 'database'>,
  principal: Principal,
  id: string,
): Promise<FileRow> {
  const db = database.kysely;
  const file = isFileId(id) ? await findFile(db, id) : undefined;
  if (file?.state !== 'kept') throw notFound('file');
  const mayRead =
    principal.kind === 'backend' || file.user_id === principal.id || (await isSentTo(db, id, principal.id));
  if (!mayRead) throw notFound('file');
  return file;
}
