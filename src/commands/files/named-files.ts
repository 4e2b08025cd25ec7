import { type Dialect } from '../../db/dialect';
import { type Run } from '../../db/statement';
import { type Fault, invalid, invalidField } from '../../errors';
import { type LockedFile, lockKept, readersAmong } from '../../model/files';
import { filesNamedBy, originalOf } from '../../model/values/content-files';
import { SYSTEM_USER } from '../../model/values/identifiers';

/** What may name files: a message that somebody sends. */
export interface Naming {
  type: number;
  content: unknown;
  /** null: the platform itself */
  senderId: string | null;
}

/** The files that a transaction's messages are to name, locked, so that none of them is deleted before the commit. */
export class NamedFiles {
  private constructor(
    private readonly files: ReadonlyMap<string, LockedFile>,
    private readonly readers: ReadonlyMap<string, ReadonlySet<string>>,
  ) {}

  /** Asks the database nothing where the messages name no file. Their sessions are locked. */
  static async lock(run: Run, dialect: Dialect, namings: readonly Naming[]): Promise<NamedFiles> {
    const wanted = namings.flatMap(({ content, senderId, type }) =>
      filesNamedBy(type, content).map(({ id }) => ({ id, senderId: senderId ?? SYSTEM_USER.id })),
    );
    if (wanted.length === 0) return new NamedFiles(new Map(), new Map());
    const files = await lockKept(run, dialect, [...new Set(wanted.map(({ id }) => id))]);
    const others = wanted.filter(({ id, senderId }) => files.has(id) && files.get(id)?.user_id !== senderId);
    if (others.length === 0) return new NamedFiles(files, new Map());
    const readers = await readersAmong(
      run,
      [...new Set(others.map(({ id }) => id))],
      [...new Set(others.map(({ senderId }) => senderId))],
    );
    return new NamedFiles(files, readers);
  }

  /**
   * The files that this message may name.
   * @param path of the content in the request
   * @throws AppError `validation_failed` at each field that names another's file, one of another kind, or none
   */
  allowed({ content, senderId, type }: Naming, path = 'content'): string[] {
    const faults: Fault[] = [];
    const named = filesNamedBy(type, content);
    for (const { field, id, takes } of named) {
      const file = this.files.get(id);
      if (file === undefined || !this.#mayName(file, senderId ?? SYSTEM_USER.id))
        faults.push({ path: `${path}.${field}`, message: 'no file that the sender may send' });
      else if (!takes.test(file.mime)) faults.push({ path: `${path}.${field}`, message: takes.what });
    }
    if (faults.length > 0) throw invalid(faults);
    return [...new Set(named.map(({ id }) => id))];
  }

  #mayName({ id, user_id: owner }: LockedFile, senderId: string): boolean {
    return owner === senderId || this.readers.get(id)?.has(senderId) === true;
  }
}

/**
 * The files that a copy of a message names, locked: whoever may read the message may send them on.
 * @param content of the forward, JSON text with the copy in it
 * @throws AppError `validation_failed` at `path` when one of them is gone
 */
export async function filesOfCopy(
  run: Run,
  dialect: Dialect,
  type: number,
  content: string,
  path = 'content',
): Promise<string[]> {
  if (!content.includes('"file_id":')) return [];
  const original = originalOf({ type, content: JSON.parse(content) as unknown });
  const ids = [...new Set(filesNamedBy(original.type, original.content).map(({ id }) => id))];
  if (ids.length === 0) return [];
  const kept = await lockKept(run, dialect, ids);
  if (kept.size < ids.length) throw invalidField(path, 'a message whose file is gone');
  return ids;
}
