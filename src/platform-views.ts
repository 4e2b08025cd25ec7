import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './command-line';
import {
  makePlatformViews,
  PLATFORM_VIEWS,
  type PlatformView,
  type PlatformViewsPlan,
} from './model/platform/platform-views';
import { readConfig } from './resources/config/config';

const USAGE = `Usage: npm run platform-views -- <schema> [--keep] [--from <folder>]
  <schema>  the platform's schema, on the database server of IM_DATABASE_URL
  --keep    put tables of our own that hold profiles aside, as doctors_own and patients_own
  --from    take doctors.sql, patients.sql and wlyy_consults.sql from this folder`;

/** The SQL files that come with the server; they lie beside this file, in src and in dist. */
const FOLDER = path.join(__dirname, 'platform-views');

interface Arguments {
  schema: string;
  keep: boolean;
  folder: string;
}

function readArguments(args: string[]): Arguments {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { keep: { type: 'boolean', default: false }, from: { type: 'string', default: FOLDER } },
  });
  const [schema, ...more] = positionals;
  if (schema === undefined || more.length > 0) throw new Error('One schema is needed.');
  return { schema, keep: values.keep, folder: values.from };
}

async function readDefinitions(folder: string): Promise<PlatformViewsPlan['definitions']> {
  const read = async (name: PlatformView): Promise<[PlatformView, string]> => {
    const file = path.join(folder, `${name}.sql`);
    try {
      return [name, await readFile(file, 'utf8')];
    } catch (error) {
      throw new CommandError(`${file} can't be read (${String((error as { code?: unknown }).code)}).`);
    }
  };
  const names = Object.keys(PLATFORM_VIEWS) as PlatformView[];
  return Object.fromEntries(await Promise.all(names.map(read))) as PlatformViewsPlan['definitions'];
}

void runCommand(USAGE, readArguments, readConfig, async (database, { folder, keep, schema }) => {
  const definitions = await readDefinitions(folder);
  const notes = await makePlatformViews(database, { schema, definitions, keep });
  for (const note of notes) process.stdout.write(`${note}\n`);
  process.stdout.write(
    `${Object.keys(definitions).join(', ')} are views onto ${schema}. Restart the servers: they remember names.\n`,
  );
});
