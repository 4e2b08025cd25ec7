import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import dotenv from 'dotenv';
import { ConfigError } from './config-error';

const BYTE_ORDER_MARK = '\ufeff';

/**
 * The variables of a `.env` file, as dotenv reads them; none where there is no such file.
 * @throws ConfigError for a file that is not UTF-8, and for a value that dotenv would cut: a secret must not lose its end unseen
 */
export function readEnvFile(path: string): Record<string, string> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new ConfigError(`.env can't be read (${code})`);
  }
  // UTF-16, as PowerShell's `>` writes it, has a zero in nearly every character; dotenv would find nothing in it.
  if (!isUtf8(bytes) || bytes.includes(0)) throw new ConfigError('.env accepts UTF-8 text');
  const text = bytes.toString('utf8');
  const cut = firstCutValue(text);
  if (cut !== undefined)
    throw new ConfigError(`${cut} accepts a # in .env only in quotes: without them the value ends there`);
  return dotenv.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
}

/** A quoted value may go over several lines. */
const QUOTED = /=[ \t]*(?:"(?:\\.|[^"\\])*"|'[^']*'|`[^`]*`)/g;
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=(.*)$/;

/** The first variable whose unquoted value holds a `#` with no blank before it. */
function firstCutValue(text: string): string | undefined {
  for (const line of text.replace(QUOTED, '=').split(/\r?\n/)) {
    const [, name, value = ''] = ASSIGNMENT.exec(line) ?? [];
    const at = value.indexOf('#');
    if (name !== undefined && at !== -1 && !/[ \t]/.test(value.charAt(at - 1))) return name;
  }
  return undefined;
}
