import { parseArgs } from 'node:util';
import { backUp, restore } from './commands/maintenance/backup';
import { CommandError, requireDatabase, runCommand } from './command-line';
import { describeError } from './logger';
import { readDatabaseConfig } from './resources/config/config';

const USAGE = `Usage: npm run --silent backup -- --out <file>
       npm run --silent backup -- --restore <file>
  --out      a new file: a gzipped dump of MySQL or MariaDB, or a copy of the SQLite database. The server may run meanwhile
  --restore  such a file, into an empty database; no server may run meanwhile`;

interface Arguments {
  out: string | undefined;
  from: string | undefined;
}

function readArguments(args: string[]): Arguments {
  const { values } = parseArgs({ args, options: { out: { type: 'string' }, restore: { type: 'string' } } });
  const files = [values.out, values.restore].filter((file) => file !== undefined);
  if (files.length !== 1 || files[0] === '') {
    throw new Error('--out or --restore is needed.');
  }
  return { out: values.out, from: values.restore };
}

// What it makes holds the records of all patients.
process.umask(0o077);

void runCommand(
  USAGE,
  readArguments,
  readDatabaseConfig,
  async (database, { from, out }, { databaseUrl }) => {
    try {
      if (out !== undefined) await backUp(database, databaseUrl, out);
      else if (from !== undefined) await restore(database, databaseUrl, from);
    } catch (error) {
      const { dialect } = database;
      if (dialect.isUnavailable(error) || dialect.adviceOn(error) !== undefined) throw error;
      const { code } = error as { code?: unknown };
      const isOurs = error instanceof Error && code === undefined;
      throw new CommandError(isOurs ? error.message : `It failed: ${describeError(error)}`);
    }
    process.stdout.write(`${out ?? from ?? ''}: done\n`);
  },
  (config, { out }) => {
    if (out !== undefined) requireDatabase(config);
  },
);
