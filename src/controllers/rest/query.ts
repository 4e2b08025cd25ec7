import { type Fault } from '../../errors';
import { isBadText } from '../input';

/** What other APIs page by. Ignored, each page would be the first one. */
const OTHER_PAGING = ['page', 'pagesize', 'offset'];

/** A fault for each parameter of another API's paging; `known`: the parameters that this route has. */
export function pagingFaults(query: Record<string, string>, known: readonly string[]): Fault[] {
  const message = known.includes('cursor')
    ? "unknown: lists page by limit, and by cursor, which is the answer's next"
    : known.includes('before')
      ? 'unknown: messages page by limit, before and after'
      : 'unknown: this answer has no pages';
  return OTHER_PAGING.filter((name) => Object.hasOwn(query, name) && !known.includes(name)).map((path) => ({
    path,
    message,
  }));
}

/** The query of `url`. Text that no database stores is a fault anywhere, a repetition only of a field in `known`. */
export function queryOf(url: string, known: readonly string[], faults: Fault[]): Record<string, string> {
  const start = url.indexOf('?');
  if (start === -1) return {};
  const query: Record<string, string> = {};
  for (const pair of url.slice(start + 1).split('&')) {
    if (pair === '') continue;
    const [key, value] = splitPair(pair);
    if (key === undefined || value === undefined || isBadText(key) || isBadText(value)) {
      faults.push({ path: key ?? '', message: 'percent-encoded UTF-8 without NUL' });
    } else if (Object.hasOwn(query, key) && known.includes(key)) {
      faults.push({ path: key, message: 'given once' });
    } else {
      query[key] = value;
    }
  }
  return query;
}

function splitPair(pair: string): [string | undefined, string | undefined] {
  const at = pair.indexOf('=');
  const parts = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '));
    } catch {
      return undefined;
    }
  };
  return [decode(parts[0] ?? ''), decode(parts[1] ?? '')];
}
