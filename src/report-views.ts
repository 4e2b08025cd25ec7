import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './command-line';
import {
  makeReportViews,
  REPORT_VIEWS,
  type ReportView,
  type ReportViewsPlan,
} from './model/platform/report-views';
import { readDatabaseConfig } from './resources/config/config';

const USAGE = `Usage: npm run report-views -- <schema> [--from <folder>]
  <schema>  the schema that gets the views, on the database server of IM_DATABASE_URL; it is made where it is missing
  --from    take the nine SQL files from this folder`;

/** The SQL files that come with the server; they lie beside this file, in src and in dist. */
const FOLDER = path.join(__dirname, 'report-views');

interface Arguments {
  schema: string;
  folder: string;
}

function readArguments(args: string[]): Arguments {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: { from: { type: 'string', default: FOLDER } },
  });
  const [schema, ...more] = positionals;
  if (schema === undefined || more.length > 0) throw new Error('One schema is needed.');
  return { schema, folder: values.from };
}

async function readDefinitions(folder: string): Promise<ReportViewsPlan['definitions']> {
  const read = async (name: ReportView): Promise<[ReportView, string]> => {
    const file = path.join(folder, `${name}.sql`);
    try {
      return [name, await readFile(file, 'utf8')];
    } catch (error) {
      throw new CommandError(`${file} can't be read (${String((error as { code?: unknown }).code)}).`);
    }
  };
  return Object.fromEntries(await Promise.all(REPORT_VIEWS.map(read))) as ReportViewsPlan['definitions'];
}

/** Opening an embedded database would make its file. */
function checkDatabase(url: string): void {
  if (url.startsWith('sqlite:'))
    throw new CommandError(
      'The views need MySQL or MariaDB: IM_DATABASE_URL names an embedded SQLite database.',
    );
}

void runCommand(
  USAGE,
  readArguments,
  readDatabaseConfig,
  async (database, { folder, schema }) => {
    await makeReportViews(database, { schema, definitions: await readDefinitions(folder) });
    process.stdout.write(`${schema} has the views ${REPORT_VIEWS.join(', ')}.\n`);
  },
  ({ databaseUrl }) => checkDatabase(databaseUrl),
);
