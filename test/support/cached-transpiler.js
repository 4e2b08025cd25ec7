// What ts-node makes JavaScript with: TypeScript itself, whose output is kept for the next process that needs it. Without that
// each worker of a test run spends some ten seconds on the same files. Not in TypeScript: ts-node loads it before it can read that.
/* global __dirname, exports, require */
'use strict';

const { createHash, randomUUID } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const FOLDER = path.resolve(__dirname, '../../node_modules/.cache/typescript');

/**
 * The shape is ts-node's (`TranspilerModule`).
 * @param {{ service: { config: { options: import('typescript').CompilerOptions } } }} options
 */
exports.create = ({ service }) => {
  const compilerOptions = service.config.options;
  const made = `${ts.version} ${JSON.stringify(compilerOptions)}`;
  return {
    /** @param {string} input @param {{ fileName: string }} options */
    transpile(input, { fileName }) {
      const digest = digestOf(`${made} ${fileName}\n${input}`);
      const file = path.join(FOLDER, `${digestOf(fileName)}.json`);
      const kept = read(file);
      if (kept?.digest === digest) return kept;
      const output = ts.transpileModule(input, { compilerOptions, fileName, reportDiagnostics: true });
      // Faults are for ts-node to tell, each time.
      if (output.diagnostics?.length === 0) keep(file, { ...output, digest });
      return output;
    },
  };
};

/** @param {string} text */
function digestOf(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** @param {string} file */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whole or not at all: others read and write it meanwhile. @param {string} file @param {object} output */
function keep(file, output) {
  const unfinished = `${file}.${randomUUID()}`;
  try {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(unfinished, JSON.stringify(output));
    renameSync(unfinished, file);
  } catch {
    // A folder that is not ours to write in costs time, and nothing else.
  }
}
