// @ts-check
'use strict';

/**
 * What runs statements on an SQLite connection. In plain JavaScript, since a thread loads it (`sqlite-thread.js`), which
 * under ts-node would have to load the compiler first.
 *
 * @typedef {import('./sql-text').Statement} Statement
 * @typedef {import('./dialect').StatementResult} StatementResult
 * @typedef {import('better-sqlite3').Database} Driver
 * @typedef {(text: string) => import('better-sqlite3').Statement} Prepare
 */

const STATEMENT_CACHE = 500;
/** 40 MB of log at most, beside SQLite's default of 4 MB. */
const CHECKPOINT_PAGES = 10_000;
const CACHE_KIB = 64 * 1024;
const BUSY_TIMEOUT_MS = 5_000;

const OUTDATED = 'IM_OUTDATED';
/** SQLite takes functions: the one that fails unless two values are the same. */
const EXPECT_FUNCTION = 'im_expect';

/** What a transaction relied on does not hold. */
class Outdated extends Error {
  code = OUTDATED;

  constructor() {
    super('what was known of the rows does not hold any more');
  }
}

/**
 * @param {Statement} statement
 * @param {number} found how many rows it found
 * @throws Outdated unless that is as many as it has to find
 */
function expectChanges({ changes }, found) {
  if (changes !== undefined && changes !== found) throw new Outdated();
}

/**
 * @param {string} file or `:memory:`
 * @returns {Driver}
 * @throws the driver's error when it can't be opened; MODULE_NOT_FOUND where the driver is not installed
 */
function openFile(file) {
  // Optional: production on MySQL does not have it.
  const BetterSqlite = require('better-sqlite3');
  const raw = new BetterSqlite(file, { timeout: BUSY_TIMEOUT_MS });
  raw.pragma('journal_mode = WAL');
  // What was answered survives a power cut too; the group commit makes it cheap.
  raw.pragma('synchronous = FULL');
  // A page that many commits change goes into the database file once; until then it is in the log and in memory.
  raw.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  raw.pragma(`cache_size = ${-CACHE_KIB}`);
  raw.pragma('foreign_keys = ON');
  // What a statement of many rows keeps to be able to take itself back would be written to a file from 64 KiB on.
  raw.pragma('temp_store = MEMORY');
  raw.function(EXPECT_FUNCTION, (found, expected) => {
    if (found !== expected) throw new Outdated();
    return 0;
  });
  return raw;
}

/**
 * Preparing costs more than running a small statement, and the server's statements are few.
 * @param {Driver} raw
 * @returns {{ prepare: Prepare; close: () => void }}
 */
function withStatementCache(raw) {
  /** @type {Map<string, import('better-sqlite3').Statement>} */
  const statements = new Map();
  return {
    close: () => {
      statements.clear();
      raw.close();
    },
    prepare: (text) => {
      const known = statements.get(text);
      if (known !== undefined) return known;
      const prepared = raw.prepare(text);
      if (statements.size >= STATEMENT_CACHE) {
        const oldest = statements.keys().next().value;
        if (oldest !== undefined) statements.delete(oldest);
      }
      statements.set(text, prepared);
      return prepared;
    },
  };
}

/**
 * A parameter that is an object stands for an id that an earlier one of the statements has made (`IdOf`).
 * @param {readonly unknown[]} parameters
 * @param {readonly Pick<StatementResult, 'insertId'>[]} results of the statements before
 * @returns {unknown[]}
 */
function withIds(parameters, results) {
  return parameters.map((parameter) => {
    if (typeof parameter !== 'object' || parameter === null) return parameter;
    const { add, statement } = /** @type {import('./sql-text').IdOf} */ (parameter);
    return (results[statement]?.insertId ?? NaN) + add;
  });
}

/**
 * @param {Prepare} prepare
 * @param {readonly Statement[]} statements
 * @returns {StatementResult[]}
 */
function runAll(prepare, statements) {
  /** @type {StatementResult[]} */
  const results = [];
  for (const statement of statements) {
    const prepared = prepare(statement.sql);
    const parameters = withIds(statement.parameters, results);
    if (prepared.reader) {
      const rows = /** @type {Record<string, unknown>[]} */ (prepared.all(...parameters));
      results.push({ rows, insertId: 0, affectedRows: 0 });
    } else {
      const { changes, lastInsertRowid } = prepared.run(...parameters);
      expectChanges(statement, changes);
      results.push({ rows: [], insertId: Number(lastInsertRowid), affectedRows: changes });
    }
  }
  return results;
}

module.exports = {
  EXPECT_FUNCTION,
  OUTDATED,
  Outdated,
  expectChanges,
  openFile,
  runAll,
  withIds,
  withStatementCache,
};
