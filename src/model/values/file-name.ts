import { codePoints } from './text';

const MAX_LENGTH = 100;
/** What is longer is no extension, but a name with a point in it. */
const MAX_EXTENSION = 20;

/**
 * A file's name as it is kept: the last part of what its sender calls it, without control characters, and cut to 100
 * characters with its extension.
 * @param extension of its kind, for a file without a name
 */
export function fileName(given: string | undefined, extension: string): string {
  const last = (given ?? '').split(/[/\\]/).at(-1) ?? '';
  const clean = last.replace(/\p{Cc}/gu, '').trim();
  if (clean === '') return `file.${extension}`;
  if (codePoints(clean) <= MAX_LENGTH) return clean;
  const characters = Array.from(clean);
  const at = characters.lastIndexOf('.');
  const ending = at > 0 && characters.length - at <= MAX_EXTENSION ? characters.slice(at) : [];
  return [...characters.slice(0, MAX_LENGTH - ending.length), ...ending].join('');
}
