import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import dotenv from 'dotenv';
import { ConfigError } from './config-error';

const BYTE_ORDER_MARK = /^\ufeff/;
/** A `#` that begins no comment, as people read it: dotenv takes it for one unless it stands in quotes. */
const HASH_IN_A_WORD = /(?<=\S)#/g;
/** Stands for one of them, to see what dotenv reads where it takes none for a comment. Text holds no such character (Unicode, 23.7). */
const NO_HASH = '\ufdd0';

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
  const text = bytes.toString('utf8').replace(BYTE_ORDER_MARK, '');
  const variables = dotenv.parse(text);
  const uncut = dotenv.parse(text.replace(HASH_IN_A_WORD, NO_HASH));
  for (const [name, value] of Object.entries(uncut)) {
    if (value.replaceAll(NO_HASH, '#') !== variables[name])
      throw new ConfigError(`${name} accepts a # in .env only in quotes: without them the value ends there`);
  }
  return variables;
}
