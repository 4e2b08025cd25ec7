/** What a template's placeholders stand for. An empty or missing text is shown as `-`. */
export interface TemplateValues {
  sender_name?: string | null;
  text?: string | null;
  time: Date;
  session_name?: string | null;
  topic_name?: string | null;
}

/** WeChat's form: each field of the template with its value. */
export type TemplateData = Record<string, { value: string }>;

const EMPTY = '-';

/**
 * How many characters WeChat takes in a field, by the kind that the field's name begins with (`thing1` is a `thing`); more is refused
 * with 47003. Fields of other kinds (old templates' `keyword1`) are shown up to 20 characters.
 * https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
 */
const LENGTHS: Readonly<Record<string, number>> = {
  thing: 20,
  phrase: 5,
  character_string: 32,
  number: 32,
  letter: 32,
  symbol: 5,
  phone_number: 17,
  car_number: 8,
};

const LENGTH_OF_OTHERS = 20;

/** Kinds whose form says how long they are: they may hold a range of two times. */
const UNCUT = new Set(['time', 'date']);

const HAN = /\p{Script=Han}/u;

const SHANGHAI_OFFSET_MS = 8 * 3600 * 1000;
const DAY_MS = 24 * 3600 * 1000;

/** Without control characters (line breaks are among them), which WeChat refuses in every field. */
function oneLine(text: string): string {
  return text
    .split(/[\p{Cc}\p{Zl}\p{Zp}]/u)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}

function limitOf(field: string, value: string): number {
  const [kind = ''] = field.split(/[\d.]/);
  if (UNCUT.has(kind)) return Infinity;
  // A name is 10 Chinese characters, or 20 Latin ones.
  if (kind === 'name') return HAN.test(value) ? 10 : 20;
  return LENGTHS[kind] ?? LENGTH_OF_OTHERS;
}

/** `value` as WeChat takes it in `field`: one line, not empty, cut by code points. */
export function fitField(field: string, value: string): string {
  const line = oneLine(value);
  const limit = limitOf(field, line);
  const characters = Array.from(line);
  const fitted = characters.length <= limit ? line : characters.slice(0, limit).join('').trim();
  return fitted === '' ? EMPTY : fitted;
}

/** `2026-11-22 16:00`: the minute in Asia/Shanghai, whatever time zone the process runs in. China has had no summer time since 1991. */
export function shanghaiTime(time: Date): string {
  return new Date(time.getTime() + SHANGHAI_OFFSET_MS).toISOString().slice(0, 16).replace('T', ' ');
}

/** The first midnight in Asia/Shanghai after `now`, when WeChat's daily quotas start anew. */
export function nextShanghaiMidnight(now: Date): Date {
  const local = now.getTime() + SHANGHAI_OFFSET_MS;
  return new Date((Math.floor(local / DAY_MS) + 1) * DAY_MS - SHANGHAI_OFFSET_MS);
}

/** The fields of `template`, a text with placeholders each, filled and made to fit. What a value holds is never taken for a placeholder. */
export function fillTemplate(
  template: Readonly<Record<string, string>>,
  values: TemplateValues,
): TemplateData {
  const texts = new Map([
    ['sender_name', values.sender_name],
    ['text', values.text],
    ['time', shanghaiTime(values.time)],
    ['session_name', values.session_name],
    ['topic_name', values.topic_name],
  ]);
  const fill = (whole: string, name: string): string => {
    if (!texts.has(name)) return whole;
    return oneLine(texts.get(name) ?? '') || EMPTY;
  };
  return Object.fromEntries(
    Object.entries(template).map(([field, text]) => [
      field,
      { value: fitField(field, text.replace(/\{(\w+)\}/g, fill)) },
    ]),
  );
}

/** The link that the template opens: `{session_id}` is replaced, percent-encoded. */
export function fillLink(link: string, sessionId: string): string {
  return link.replaceAll('{session_id}', () => encodeURIComponent(sessionId));
}

const TEXT_OF_TYPE: Readonly<Partial<Record<number, string>>> = {
  2: '[图片]',
  3: '[语音]',
  4: '[文章]',
  5: '[链接]',
  6: '咨询已开始',
  7: '咨询已结束',
  9: '[图片]',
  12: '[视频]',
  14: '[视频通话]',
};

function titleOf(content: unknown): string | undefined {
  const { title } = (content ?? {}) as { title?: unknown };
  return typeof title === 'string' ? title : undefined;
}

/** What `{text}` is for a message of that type and content: the text itself where it is text (types 1 and 10), else what kind of message it is. */
export function messageText(type: number, content: unknown): string {
  if ((type === 1 || type === 10) && typeof content === 'string') return content;
  if (type === 0) return titleOf(content) ?? '[消息]';
  return TEXT_OF_TYPE[type] ?? '[消息]';
}
