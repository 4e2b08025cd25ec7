import { parseArgs } from 'node:util';
import { backUp, restore } from './commands/maintenance/backup';
import { CommandError, runCommand } from './command-line';
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
  if ((values.out === undefined) === (values.restore === undefined)) {
    throw new Error('--out or --restore is needed.');
  }
  return { out: values.out, from: values.restore };
}

void runCommand(
  USAGE,
  readArguments,
  readDatabaseConfig,
  async (database, { from, out }, { databaseUrl }) => {
    try {
      if (out !== undefined) await backUp(database, databaseUrl, out);
      else if (from !== undefined) await restore(database, databaseUrl, from);
    } catch (error) {
      const { code } = error as { code?: unknown };
      const isOurs = error instanceof Error && code === undefined;
      throw new CommandError(isOurs ? error.message : `It failed: ${describeError(error)}`);
    }
    process.stdout.write(`${out ?? from ?? ''}: done\n`);
  },
);
