import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { databaseNow } from '../../db/clock';
import { type Database } from '../../db/database';
import { Lease } from '../../db/lease';
import { fromSqlTime, later } from '../../db/time';
import { type FileStore, type StoredObject } from '../../files/store';
import { describeError, log } from '../../logger';
import { claimUnnamed, deleteFile, filesAmong } from '../../model/files';
import { isFileId } from '../../model/values/file-id';
import { repeat } from '../../repeat';
import { fileOf, thumbnailOf } from './objects';
import { UNNAMED_MS } from './upload';

const INTERVAL_MS = 60 * 60_000;
/** Longer than any one step: a process that died leaves the work to another after this. */
const LEASE_MS = 60_000;
const BATCH = 100;
/** What has no row by then gets none any more: an upload takes minutes at most. */
const ORPHAN_MS = 24 * 60 * 60_000;

/** What a run deleted. */
export interface Swept {
  files: number;
  /** Objects without a row. */
  objects: number;
  /** Of this machine, of uploads that were cut off. */
  temporary: number;
}

/**
 * Deletes files that no message names, and what a process that was killed left behind. It runs in every process, at the start and
 * hourly; a lease in the database lets one work at a time.
 */
export class Sweep {
  readonly #lease: Lease;
  #end: (() => void) | undefined;
  #running: Promise<Swept> | undefined;
  #isClosing = false;

  constructor(
    private readonly database: Database,
    private readonly store: FileStore,
  ) {
    this.#lease = new Lease(database, 'files', randomUUID());
  }

  start(): void {
    void this.#quietly(this.store.isLocal);
    this.#end = repeat(INTERVAL_MS, () => this.#quietly(true));
  }

  /** Waits for the step under way. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#end?.();
    await this.#running?.catch(() => undefined);
  }

  /**
   * Deletes all that is to be deleted now.
   * @param withObjects looks for objects without a row, too
   * @throws the database's error, or the storage's; what was deleted stays deleted
   */
  runOnce(withObjects = true): Promise<Swept> {
    this.#running ??= this.#run(withObjects).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #quietly(withObjects: boolean): Promise<void> {
    try {
      const { files, objects, temporary } = await this.runOnce(withObjects);
      if (files + objects + temporary > 0)
        log.info(
          `${files} files that no message names were deleted, and ${objects + temporary} that were left over`,
        );
    } catch (error) {
      if (!this.database.outage.explains(error))
        log.warn(`files could not be swept, trying again in an hour: ${describeError(error)}`);
    }
  }

  async #run(withObjects: boolean): Promise<Swept> {
    const swept: Swept = { files: 0, objects: 0, temporary: 0 };
    const now = await databaseNow(this.database.kysely, this.database.dialect);
    const before = fromSqlTime(now) - ORPHAN_MS;
    // Each process has a folder of its own machine.
    swept.temporary = await removeOldFiles(this.store.incoming, before);
    if (!(await this.#lease.take(LEASE_MS))) return swept;
    try {
      await this.#deleteUnnamed(later(now, -UNNAMED_MS), swept);
      if (withObjects) await this.#deleteOrphans(before, swept);
    } finally {
      await this.#lease.hold(0);
    }
    return swept;
  }

  /** The objects go first, then the row: what is cut off in between is found again by the row. */
  async #deleteUnnamed(before: string, swept: Swept): Promise<void> {
    while (await this.#mayGoOn()) {
      const claimed = await claimUnnamed(this.database.kysely, before, BATCH);
      for (const { id } of claimed) {
        await this.store.remove(id);
        await this.store.remove(thumbnailOf(id));
        await deleteFile(this.database.kysely, id);
        swept.files += 1;
      }
      if (claimed.length < BATCH) return;
    }
  }

  async #deleteOrphans(before: number, swept: Swept): Promise<void> {
    let batch: StoredObject[] = [];
    const removeOrphans = async () => {
      const known = await filesAmong(this.database.kysely, [
        ...new Set(batch.map(({ name }) => fileOf(name))),
      ]);
      for (const { name } of batch) {
        if (known.has(fileOf(name))) continue;
        await this.store.remove(name);
        swept.objects += 1;
      }
      batch = [];
    };
    for await (const object of this.store.list()) {
      // Whatever else lies there is not ours.
      if (object.modified >= before || !isFileId(fileOf(object.name))) continue;
      batch.push(object);
      if (batch.length < BATCH) continue;
      if (!(await this.#mayGoOn())) return;
      await removeOrphans();
    }
    if (batch.length > 0 && (await this.#mayGoOn())) await removeOrphans();
  }

  #mayGoOn(): Promise<boolean> {
    return this.#isClosing ? Promise.resolve(false) : this.#lease.hold(LEASE_MS);
  }
}

async function removeOldFiles(folder: string, before: number): Promise<number> {
  let removed = 0;
  const names = await readdir(folder).catch((error: unknown) => {
    // Nothing was uploaded yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true || found.mtimeMs >= before) continue;
    await rm(file, { force: true });
    removed += 1;
  }
  return removed;
}
