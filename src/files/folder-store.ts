import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Readable } from 'node:stream';
import { unavailable } from '../errors';
import { describeError, log } from '../logger';
import { type ByteRange, type FileStore, type StoredObject } from './store';

const INCOMING = 'incoming';
const OBJECTS = 'objects';

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** The disk is full, was unmounted, can't be written: whatever it is, the operator sees it in the log. */
function away(error: unknown): Error {
  log.warn(`files can't be stored or read: ${describeError(error)}`);
  return unavailable('The storage of files is away or full.');
}

/** Files in a folder: `objects/<first two characters>/<name>`. A file gets there whole, by a rename. */
export class FolderStore implements FileStore {
  readonly description: string;
  readonly isLocal = true;
  readonly incoming: string;

  constructor(private readonly folder: string) {
    this.description = `file:${folder}`;
    this.incoming = path.join(folder, INCOMING);
  }

  #pathOf(name: string): string {
    return path.join(this.folder, OBJECTS, name.slice(0, 2), name);
  }

  async put(name: string, source: string): Promise<void> {
    const target = this.#pathOf(name);
    try {
      await synced(source);
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      await rename(source, target);
      // The name itself must survive a power cut, too.
      await synced(path.dirname(target));
    } catch (error) {
      throw away(error);
    }
  }

  async open(name: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const file = await open(this.#pathOf(name));
      return file.createReadStream(range);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw away(error);
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await rm(this.#pathOf(name), { force: true });
    } catch (error) {
      throw away(error);
    }
  }

  async *list(): AsyncGenerator<StoredObject> {
    try {
      for await (const group of entriesOf(path.join(this.folder, OBJECTS))) {
        for await (const name of entriesOf(group)) {
          const found = await stat(name).catch((error: unknown) => {
            // Removed since.
            if (isMissing(error)) return undefined;
            throw error;
          });
          if (found?.isFile() === true) yield { name: path.basename(name), modified: found.mtimeMs };
        }
      }
    } catch (error) {
      throw away(error);
    }
  }

  close(): void {
    // Nothing is held open.
  }
}

async function synced(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The paths in a folder; none where it is no folder, or not there yet. */
async function* entriesOf(folder: string): AsyncGenerator<string> {
  let directory;
  try {
    directory = await opendir(folder);
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'ENOTDIR') return;
    throw error;
  }
  for await (const entry of directory) yield path.join(folder, entry.name);
}
