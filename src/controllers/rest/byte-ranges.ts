import { AppError } from '../../errors';
import { type ByteRange } from '../../files/store';

/** What a page of another origin may read of an answer about a file. */
export const EXPOSED = { 'Access-Control-Expose-Headers': 'Content-Range, Content-Disposition, ETag' };

/** One range; of what has several, all of it is sent. */
const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The part that a `Range` header asks for (RFC 9110, section 14); undefined: all of it.
 * @throws AppError `range_not_satisfiable`
 */
export function requestedRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first, last] = ONE_RANGE.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw notSatisfiable(size);
    return { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  // A range that ends before it begins is none, and is ignored.
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw notSatisfiable(size);
  return { start, end };
}

function notSatisfiable(size: number): AppError {
  return new AppError('range_not_satisfiable', `There are ${size} bytes.`, undefined, {
    ...EXPOSED,
    'Content-Range': `bytes */${size}`,
  });
}

/** Whether an `If-None-Match` header names this tag (RFC 9110, section 13.1.2). */
export function namesTag(header: string | undefined, tag: string): boolean {
  const tags = (header ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}
