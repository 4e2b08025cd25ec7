import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { CommandError, requireDatabase, runCommand } from './command-line';
import { type CopyFile, exportSession } from './commands/maintenance/export-session';
import { extensionOf } from './files/kinds';
import { openStore } from './files/store';
import { type Config, readConfig } from './resources/config/config';
import { removedIfUnfinished } from './unfinished';

const USAGE = `Usage: npm run --silent export -- --session <id> [--out <file> [--with-files]]
  --session     the session to write, as JSON Lines
  --out         a new file for it, instead of the standard output
  --with-files  writes the session's pictures, sounds, videos and documents, too: into the new folder <file>.files`;

interface Arguments {
  session: string;
  out: string | undefined;
  withFiles: boolean;
}

function readArguments(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      session: { type: 'string' },
      out: { type: 'string' },
      'with-files': { type: 'boolean', default: false },
    },
  });
  if (values.session === undefined || values.session === '') throw new Error('--session is needed.');
  const withFiles = values['with-files'];
  if (withFiles && values.out === undefined) throw new Error('--with-files needs --out.');
  return { session: values.session, out: values.out, withFiles };
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

/**
 * A file that only its owner reads, since it is a medical record; what is cut off does not stay behind.
 * @param folder of the files that `lines` copies: whoever has made `out` may take it for its own, too
 */
async function toFile(lines: AsyncIterable<string>, out: string, folder: string | undefined): Promise<void> {
  const file = await open(out, 'wx', 0o600).catch((error: unknown) => {
    const { code } = error as { code?: string };
    throw new CommandError(
      code === 'EEXIST' ? `${out} exists and stays as it is.` : `${out} can't be made (${String(code)}).`,
    );
  });
  const write = async () => {
    for await (const text of lines) await file.appendFile(text);
    await file.sync();
  };
  const whole = () => removedIfUnfinished(out, write);
  await (folder === undefined ? whole() : removedIfUnfinished(folder, whole)).finally(() => file.close());
}

/** Copies files of the configured storage into a new folder, which only its owner reads. */
function copierInto(folder: string, { files, proxy }: Config): CopyFile {
  if (files === undefined) throw new CommandError('IM_FILES is off: there are no files to write.');
  if (existsSync(folder)) throw new CommandError(`${folder} exists and stays as it is.`);
  const store = openStore(files, proxy);
  return async ({ id, mime }) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const content = await store.open(id);
    if (content === undefined) return undefined;
    const name = `${id}.${extensionOf(mime)}`;
    await pipeline(content, createWriteStream(path.join(folder, name), { flags: 'wx', mode: 0o600 }));
    return path.join(path.basename(folder), name);
  };
}

void runCommand(
  USAGE,
  readArguments,
  readConfig,
  async (database, { out, session, withFiles }, config) => {
    const folder = withFiles && out !== undefined ? `${out}.files` : undefined;
    const copyFile = folder === undefined ? undefined : copierInto(folder, config);
    const lines = await exportSession(database, session, copyFile);
    if (lines === undefined) throw new CommandError(`There is no session ${session}.`);
    if (out === undefined) await toStandardOutput(lines);
    else await toFile(lines, out, folder);
  },
  requireDatabase,
);
