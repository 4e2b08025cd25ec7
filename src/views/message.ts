import { type MessageRow, type RecallRow } from '../db/schema';
import { toIso } from '../db/time';
import { contentJson } from './content';
import { type FileView } from './file';
import { type MessagePage } from '../model/messages';
import { type Quoted } from '../model/quotes';
import { type RecallPage } from '../model/recalls';
import { cutTo } from '../model/values/text';
import { messageText } from '../push/wechat/wechat-fields';

/** JSON text that goes into a response or a frame as it is. */
export class RawJson {
  constructor(readonly text: string) {}
}

/**
 * The wire form of a message, as JSON text: it is made once, for the response and for all sockets.
 * @param quoted the message that it quotes; undefined where it quotes none, or one that was deleted
 */
export function messageJson(row: MessageRow, files: FileView, quoted: Quoted | undefined): string {
  return `${fieldsOf(row, files)},"client_msg_id":${row.client_msg_id === null ? 'null' : JSON.stringify(row.client_msg_id)},"reply_to":${row.reply_to === null ? 'null' : quoteJson(row, quoted)},"recalled":${recalledJson(row)}}`;
}

/** The copy of a message in a forward: what it was, without what only its own place gives it. */
export function copyJson(row: MessageRow): string {
  return `${fieldsOf(row, 'as-stored')}}`;
}

function fieldsOf(row: MessageRow, files: FileView): string {
  const content = row.content === null ? 'null' : contentJson(row.type, row.content, files);
  return `{"id":${row.id},"session_id":${JSON.stringify(row.session_id)},"sender_id":${JSON.stringify(row.sender_id)},"sender_name":${JSON.stringify(row.sender_name)},"type":${row.type},"content":${content},"timestamp":"${toIso(row.timestamp)}"`;
}

const QUOTED_LENGTH = 100;

function quoteJson(row: MessageRow, quoted: Quoted | undefined): string {
  const content = quoted?.content ?? null;
  const text = content === null ? null : messageText(row.reply_type ?? 0, JSON.parse(content));
  return JSON.stringify({
    id: row.reply_to,
    sender_id: row.reply_sender_id,
    sender_name: row.reply_sender_name,
    type: row.reply_type,
    text: text === null ? null : cutTo(text, QUOTED_LENGTH),
  });
}

/** Who took a message back, and when. */
function recalledView(row: { recalled_by: string; recalled_time: string }) {
  return { by: row.recalled_by, time: toIso(row.recalled_time) };
}

/** The wire form of a recall. */
export function recallView(row: RecallRow) {
  return { id: row.id, message_id: row.message_id, recalled: recalledView(row) };
}

function recalledJson({ recalled_by: by, recalled_time: time }: MessageRow): string {
  if (by === null || time === null) return 'null';
  return JSON.stringify(recalledView({ recalled_by: by, recalled_time: time }));
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

/** The part of a page that fits into 512 KiB, one message at least, and its JSON texts. */
export function fittingPart(
  { quoted, rows }: Pick<MessagePage, 'rows' | 'quoted'>,
  files: FileView,
  end: 'first' | 'last' = 'first',
): { texts: string[]; rows: readonly MessageRow[] } {
  const texts = rows.map((row) => messageJson(row, files, quoted.get(row.reply_to ?? 0)));
  const kept = fitting(end === 'first' ? texts : [...texts].reverse());
  const from = end === 'first' ? 0 : texts.length - kept;
  return { texts: texts.slice(from, from + kept), rows: rows.slice(from, from + kept) };
}

/**
 * `{"items", "more"}` of the first rows whose JSON fits into 512 KiB (at least one), and those rows.
 * @param end 'first' keeps the beginning of the page when it must be cut, 'last' its end
 * @param recalls a page of recalls that goes with it
 */
export function messagePage(
  page: Pick<MessagePage, 'rows' | 'more' | 'quoted'>,
  files: FileView,
  end: 'first' | 'last' = 'first',
  recalls?: RecallPage,
): { json: RawJson; rows: readonly MessageRow[] } {
  const { rows, texts } = fittingPart(page, files, end);
  const more = page.more || rows.length < page.rows.length || recalls?.more === true;
  const beside = recalls === undefined ? '' : `,"recalls":${JSON.stringify(recalls.rows.map(recallView))}`;
  return { json: new RawJson(`{"items":[${texts.join(',')}],"more":${more}${beside}}`), rows };
}
