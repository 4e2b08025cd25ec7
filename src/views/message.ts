import { type MessageRow } from '../db/schema';
import { toIso } from '../db/time';
import { contentJson } from './content';
import { type FileView } from './file';

/** JSON text that goes into a response or a frame as it is. */
export class RawJson {
  constructor(readonly text: string) {}
}

/** The wire form of a message, as JSON text: it is made once, for the response and for all sockets. */
export function messageJson(row: MessageRow, files: FileView): string {
  return `{"id":${row.id},"session_id":${JSON.stringify(row.session_id)},"sender_id":${JSON.stringify(row.sender_id)},"sender_name":${JSON.stringify(row.sender_name)},"type":${row.type},"content":${contentJson(row.type, row.content, files)},"timestamp":"${toIso(row.timestamp)}","client_msg_id":${row.client_msg_id === null ? 'null' : JSON.stringify(row.client_msg_id)}}`;
}

/** A page is cut here, so that no answer is too large for a phone. */
const PAGE_BYTES = 512 * 1024;

/** How many of these JSON texts fit into one page: one at least, where there is any. */
export function fitting(texts: Iterable<string>): number {
  let size = '{"items":[],"more":false}'.length;
  let count = 0;
  for (const text of texts) {
    size += Buffer.byteLength(text) + 1;
    if (count > 0 && size > PAGE_BYTES) break;
    count += 1;
  }
  return count;
}

/**
 * `{"items", "more"}` of the first rows whose JSON fits into 512 KiB (at least one), and those rows.
 * @param more whether there are messages beyond `rows`
 * @param end 'first' keeps the beginning of the page when it must be cut, 'last' its end
 */
export function messagePage(
  rows: readonly MessageRow[],
  more: boolean,
  files: FileView,
  end: 'first' | 'last' = 'first',
): { json: RawJson; rows: readonly MessageRow[] } {
  const texts = rows.map((row) => messageJson(row, files));
  const kept = fitting(end === 'first' ? texts : [...texts].reverse());
  const from = end === 'first' ? 0 : texts.length - kept;
  const cut = kept < texts.length;
  return {
    json: new RawJson(`{"items":[${texts.slice(from, from + kept).join(',')}],"more":${more || cut}}`),
    rows: rows.slice(from, from + kept),
  };
}
