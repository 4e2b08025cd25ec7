import { randomBytes } from 'node:crypto';

/** What every message shows of a picture. */
export interface Picture {
  width: number;
  height: number;
  hasThumbnail: boolean;
}

const ID = /^[0-9a-f]{32}(?:\.(\d{1,8})x(\d{1,8})(\.t)?)?$/;

/**
 * A new file's id: 128 random bits, and of a picture its size and whether it has a thumbnail. These never change, and
 * every message that names the file shows them. So a message can be shown without reading the file's row.
 */
export function newFileId(picture?: Picture): string {
  const random = randomBytes(16).toString('hex');
  if (picture === undefined) return random;
  return `${random}.${picture.width}x${picture.height}${picture.hasThumbnail ? '.t' : ''}`;
}

export function isFileId(text: string): boolean {
  return ID.test(text);
}

/** What the id of a picture says; undefined: it is no picture's. */
export function pictureOf(fileId: string): Picture | undefined {
  const [, width, height, thumbnail] = ID.exec(fileId) ?? [];
  if (width === undefined || height === undefined) return undefined;
  return { width: Number(width), height: Number(height), hasThumbnail: thumbnail !== undefined };
}
