import { existsSync } from 'node:fs';
import { type Database, openDatabase } from './db/database';
import { logToStandardError } from './logger';
import { type Config, ConfigError } from './resources/config/config';

/** Exit statuses of the commands that an operator runs; 64 and 78 are EX_USAGE and EX_CONFIG in sysexits.h. */
const EXIT = { failure: 1, usage: 64, badConfiguration: 78 } as const;

/** A failure whose message is all that the operator needs: it is printed without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly status: number = EXIT.failure,
  ) {
    super(message);
  }
}

type DatabaseConfig = Pick<Config, 'databaseUrl'>;

/**
 * Runs an operator's command on the configured database. What goes wrong is one line on stderr and the exit status: 1, 64 for
 * wrong arguments, 78 for a bad setting. stdout belongs to the command's result.
 * @param parse reads the arguments; what it throws is a mistake in them, and is answered with `usage`
 * @param readSettings the settings that the command needs
 * @param check looks at them before the database is opened
 */
export async function runCommand<Arguments, Settings extends DatabaseConfig>(
  usage: string,
  parse: (args: string[]) => Arguments,
  readSettings: () => Settings,
  work: (database: Database, args: Arguments, config: Settings) => Promise<void>,
  check: (config: Settings, args: Arguments) => void = () => undefined,
): Promise<void> {
  logToStandardError();
  let database: Database | undefined;
  try {
    const args = parsed(usage, parse);
    const config = readSettings();
    check(config, args);
    database = openDatabase(config.databaseUrl, { connections: 2 });
    await work(database, args, config);
  } catch (error) {
    process.stderr.write(`${failureText(error, database)}\n`);
    process.exitCode = statusOf(error);
  } finally {
    await database?.close();
  }
}

/** Opening an embedded database makes its file; a mistyped name must not leave an empty one. @throws CommandError */
export function requireDatabase({ databaseUrl: url }: DatabaseConfig): void {
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined;
  if (file !== undefined && !existsSync(file)) throw new CommandError(`There is no database at ${url}.`);
}

function parsed<Arguments>(usage: string, parse: (args: string[]) => Arguments): Arguments {
  try {
    return parse(process.argv.slice(2));
  } catch (error) {
    throw new CommandError(`${error instanceof Error ? error.message : String(error)}\n${usage}`, EXIT.usage);
  }
}

function statusOf(error: unknown): number {
  if (error instanceof CommandError) return error.status;
  return error instanceof ConfigError ? EXIT.badConfiguration : EXIT.failure;
}

function failureText(error: unknown, database: Database | undefined): string {
  if (database?.dialect.isUnavailable(error) === true) {
    return `The database can't be reached: ${database.description} (${String((error as { code?: unknown }).code)})`;
  }
  const advice = database?.dialect.adviceOn(error);
  if (advice !== undefined) return `The database can't be used: ${advice}.`;
  return error instanceof Error ? error.message : String(error);
}
