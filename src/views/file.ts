import { createHmac, timingSafeEqual } from 'node:crypto';
import { type FileRow } from '../db/schema';
import { pictureOf } from '../model/values/file-id';

const DAY_SECONDS = 24 * 60 * 60;
const PATH = '/api/v2/files/';
const EXPIRES = /^[1-9]\d{0,11}$/;

/** The addresses of files. Whoever has one may read the file until it expires. */
export class FileLinks {
  readonly #key: Buffer;

  /** @param baseUrl stands before the path; without it addresses are relative */
  constructor(
    secret: string,
    private readonly baseUrl = '',
  ) {
    // A key of its own: what is signed for one purpose says nothing for another.
    this.#key = createHmac('sha256', secret).update('im-files').digest();
  }

  /** Until the UTC midnight 24 to 48 hours ahead: so it is the same all day, and browsers keep what they have. */
  url(fileId: string, now = Date.now()): string {
    const expires = (Math.floor(now / 1000 / DAY_SECONDS) + 2) * DAY_SECONDS;
    return `${this.baseUrl}${PATH}${fileId}?exp=${expires}&sig=${this.#sign(fileId, String(expires))}`;
  }

  thumbnail(fileId: string): string {
    return `${this.url(fileId)}&size=thumbnail`;
  }

  /** Whether an address that was made here is still good. */
  isGood(fileId: string, expires: string, signature: string, now = Date.now()): boolean {
    const expected = Buffer.from(this.#sign(fileId, expires));
    const given = Buffer.from(signature);
    const isOurs = expected.length === given.length && timingSafeEqual(expected, given);
    return isOurs && EXPIRES.test(expires) && Number(expires) * 1000 > now;
  }

  #sign(fileId: string, expires: string): string {
    return createHmac('sha256', this.#key).update(`${fileId}\n${expires}`).digest('base64url');
  }
}

/** How a message's content is shown: with what names its file, or as it is stored. */
export type FileView = Pick<FileLinks, 'url' | 'thumbnail'> | 'as-stored';

/** The wire form of a file. */
export function fileView(row: FileRow, links: FileLinks) {
  return {
    id: row.id,
    name: row.name,
    mime: row.mime,
    size: row.size,
    ...(row.width === null || row.height === null ? {} : { width: row.width, height: row.height }),
    ...(row.duration === null ? {} : { duration: row.duration }),
    url: links.url(row.id),
    ...(pictureOf(row.id)?.hasThumbnail === true ? { thumbnail: links.thumbnail(row.id) } : {}),
  };
}
