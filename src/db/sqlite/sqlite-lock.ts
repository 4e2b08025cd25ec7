import path from 'node:path';
import { makeFolder } from '../../folders';
import { sqliteDialect } from './sqlite-dialect';
import { openDriver } from './sqlite-driver';

/**
 * Keeps every other server process from the same file: each would push to its own sockets alone, without knowing of the other.
 * The lock is SQLite's own, on a small file beside the database, so that the operator's commands can go on reading it; the
 * operating system gives it back when the process ends, however it ends.
 * @returns what gives the lock back
 * @throws Error with a sentence for the operator
 */
export function lockSqliteFile(file: string): () => void {
  makeFolder(path.dirname(file));
  const lock = openDriver(`${file}.lock`);
  try {
    for (const sql of ['pragma busy_timeout = 1000', 'begin exclusive']) {
      const statement = lock.prepare(sql);
      if (statement.reader) statement.all([]);
      else statement.run([]);
    }
  } catch (error) {
    lock.close();
    if (!sqliteDialect.isRetryable(error)) throw error;
    throw new Error(
      `another server process uses ${file}: a SQLite file is for one process. Several processes need MySQL or MariaDB`,
      { cause: error },
    );
  }
  return () => lock.close();
}
