// @ts-check
'use strict';

/**
 * The thread that commits on SQLite: it has a connection of its own, and waits for the disk while the server goes on.
 * Each message is a list of statements, answered in order with their results or with what failed.
 */

const { parentPort, workerData } = require('node:worker_threads');
const { openFile, runAll, withStatementCache } = require('./sqlite-statements');

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const { close, prepare } = withStatementCache(openFile(workerData));

port.on('message', (/** @type {import('./sql-text').Statement[] | 'close'} */ asked) => {
  if (asked === 'close') {
    close();
    port.close();
    return;
  }
  try {
    port.postMessage({ results: runAll(prepare, asked) });
  } catch (error) {
    const { code, message } = /** @type {Error & { code?: string }} */ (error);
    port.postMessage({ failure: { code, message } });
  }
});
