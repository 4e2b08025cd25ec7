import { filesNamedBy, originalOf } from '../model/values/content-files';
import { pictureOf } from '../model/values/file-id';
import { type FileView } from './file';

/**
 * A content as it is shown, as JSON text: where it names a file, with the addresses of that file, which are made at this moment.
 * What names none is the very text that is stored.
 * @param type of the message
 */
export function contentJson(type: number | null, stored: string, files: FileView): string {
  if (files === 'as-stored' || !stored.includes('"file_id":')) return stored;
  const content = JSON.parse(stored) as unknown;
  // A forward shows its files in the copy.
  const original = originalOf({ type, content });
  const named = filesNamedBy(original.type, original.content);
  for (const { field, id } of named) {
    const shown = original.content as Record<string, unknown>;
    if (field === 'cover_file_id') shown.cover = files.url(id);
    else Object.assign(shown, shownFile(id, files));
  }
  return named.length === 0 ? stored : JSON.stringify(content);
}

function shownFile(id: string, files: Exclude<FileView, 'as-stored'>) {
  const picture = pictureOf(id);
  if (picture === undefined) return { url: files.url(id) };
  const { hasThumbnail, height, width } = picture;
  return {
    url: files.url(id),
    ...(hasThumbnail ? { thumbnail: files.thumbnail(id) } : {}),
    width,
    height,
  };
}
