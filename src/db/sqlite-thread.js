// @ts-check
'use strict';

/**
 * The thread that commits on SQLite: it has a connection of its own, and waits for the disk while the server goes on.
 * Each message is a list of statements, answered in order with their results or with what failed. One that was sent behind
 * another before it was known what becomes of that fails with it.
 */

const { parentPort, workerData } = require('node:worker_threads');
const { openFile, Outdated, runAll, withStatementCache } = require('./sqlite-statements');

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const { close, prepare } = withStatementCache(openFile(workerData));

let failed = false;

port.on(
  'message',
  (/** @type {{ statements: import('./sql-text').Statement[]; behind: boolean } | 'close'} */ asked) => {
    if (asked === 'close') {
      close();
      port.close();
      return;
    }
    try {
      if (asked.behind && failed) throw new Outdated();
      const results = runAll(prepare, asked.statements);
      failed = false;
      port.postMessage({ results });
    } catch (error) {
      failed = true;
      const { code, message } = /** @type {Error & { code?: string }} */ (error);
      port.postMessage({ failure: { code, message } });
    }
  },
);
