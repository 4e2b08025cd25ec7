import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './command-line';
import { exportSession } from './commands/maintenance/export-session';

const USAGE = `Usage: npm run --silent export -- --session <id> [--out <file>]
  --session  the session to write, as JSON Lines
  --out      a new file for it, instead of the standard output`;

interface Arguments {
  session: string;
  out: string | undefined;
}

function readArguments(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: { session: { type: 'string' }, out: { type: 'string' } },
  });
  if (values.session === undefined || values.session === '') throw new Error('--session is needed.');
  return { session: values.session, out: values.out };
}

async function toStandardOutput(lines: AsyncIterable<string>): Promise<void> {
  const { stdout } = process;
  // A reader that goes away, such as `head`, is told by an event.
  const ended = new AbortController();
  stdout.once('error', (error) => ended.abort(error));
  for await (const text of lines) {
    if (!stdout.write(text)) await once(stdout, 'drain').catch((error: unknown) => ended.abort(error));
    if (ended.signal.aborted)
      throw new CommandError(`The output ended early: ${String(ended.signal.reason)}`);
  }
}

/** A file that only its owner reads, since it is a medical record; what is cut off does not stay behind. */
async function toFile(lines: AsyncIterable<string>, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    const { code } = error as { code?: string };
    throw new CommandError(
      code === 'EEXIST' ? `${path} exists and stays as it is.` : `${path} can't be made (${String(code)}).`,
    );
  });
  try {
    for await (const text of lines) await file.appendFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Opening an embedded database makes its file; a mistyped name must not leave an empty one. */
function checkDatabase(url: string): void {
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined;
  if (file !== undefined && !existsSync(file)) throw new CommandError(`There is no database at ${url}.`);
}

void runCommand(
  USAGE,
  readArguments,
  async (database, { out, session }) => {
    const lines = await exportSession(database, session);
    if (lines === undefined) throw new CommandError(`There is no session ${session}.`);
    await (out === undefined ? toStandardOutput(lines) : toFile(lines, out));
  },
  ({ databaseUrl }) => checkDatabase(databaseUrl),
);
