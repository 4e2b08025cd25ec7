import { open } from 'node:fs/promises';
import { mp3Seconds } from './mp3';
import { readMp4 } from './mp4';
import { readWebm } from './webm';

/** What may be uploaded, and the ending of a name that its sender gave none. */
const EXTENSIONS = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
  'audio/mp4': 'm4a',
  'audio/mpeg': 'mp3',
  'audio/amr': 'amr',
  'audio/webm': 'weba',
  'application/pdf': 'pdf',
} as const;

export type Mime = keyof typeof EXTENSIONS;

/** What its content tells of a file. */
export interface Kind {
  mime: Mime;
  /** Seconds, from the header; undefined where it has none. */
  duration?: number | undefined;
}

export function extensionOf(mime: string): string {
  return EXTENSIONS[mime as Mime];
}

/** What the package calls by other names. An animated PNG is a PNG to whoever does not know of them. */
const SAME: Readonly<Record<string, Mime>> = {
  'image/apng': 'image/png',
  'audio/x-m4a': 'audio/mp4',
  'video/x-m4v': 'video/mp4',
};

const PDF = Buffer.from('%PDF-');

/** Tells the kind of a file by its content, whatever its name is; undefined: none that may be uploaded. */
export async function kindOf(path: string): Promise<Kind | undefined> {
  // The package would read up to 10 MiB of a PDF into memory, to tell whose it is.
  if (await beginsWith(path, PDF)) return { mime: 'application/pdf' };
  // Not at the top: it adds 20 to 60 ms to each start, and a process that takes no files never needs it.
  const { fileTypeFromFile } = await import('file-type');
  const found = (await fileTypeFromFile(path))?.mime ?? '';
  const mime = SAME[found] ?? found;
  switch (mime) {
    case 'image/jpeg':
    case 'image/png':
    case 'image/gif':
    case 'image/webp':
    case 'audio/amr':
      return { mime };
    case 'audio/mpeg':
      return { mime, duration: await mp3Seconds(path) };
    case 'audio/mp4':
    case 'video/quicktime':
      return { mime, duration: (await readMp4(path)).duration };
    case 'video/mp4': {
      const { duration, tracks } = await readMp4(path);
      return { mime: tracks.has('soun') && !tracks.has('vide') ? 'audio/mp4' : mime, duration };
    }
    case 'video/webm': {
      const { duration, tracks } = await readWebm(path);
      return { mime: tracks.has('audio') && !tracks.has('video') ? 'audio/webm' : mime, duration };
    }
    default:
      return undefined;
  }
}

async function beginsWith(path: string, expected: Buffer): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(expected.length), 0, expected.length, 0);
    return bytesRead === expected.length && buffer.equals(expected);
  } finally {
    await file.close();
  }
}
