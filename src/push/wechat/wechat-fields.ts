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

/** What a field of one kind takes. */
interface Kind {
  /** Characters at most. */
  length: number;
  /** One character that it takes; all others are left out. Without it, it takes all. */
  takes?: RegExp;
  /** Shown where nothing is left. */
  empty?: string;
}

const TIME: Kind = { length: 40, takes: /[\d:./~年月日 -]/ };

/**
 * The kinds of fields, which a field's name begins with (`thing1` is a `thing`). WeChat refuses with 47003 what does not fit. Fields
 * of other kinds (old templates' `keyword1`) are shown up to 20 characters. A time may be a range of two.
 * https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
 */
const KINDS: Readonly<Record<string, Kind>> = {
  thing: { length: 20 },
  phrase: { length: 5, takes: /\p{Script=Han}/u },
  name: { length: 10, takes: /[A-Za-z\p{Script=Han}]/u },
  character_string: { length: 32, takes: /[\x20-\x7e]/ },
  number: { length: 32, takes: /\d/, empty: '0' },
  letter: { length: 32, takes: /[A-Za-z]/ },
  symbol: { length: 5, takes: /[\p{P}\p{S}]/u },
  phone_number: { length: 17, takes: /[\d+() -]/ },
  car_number: { length: 8 },
  time: TIME,
  date: TIME,
};

const OTHER_KIND: Kind = { length: 20 };

const SHANGHAI_OFFSET_MS = 8 * 3600 * 1000;
const DAY_MS = 24 * 3600 * 1000;

/** Without control characters (line breaks are among them), which WeChat refuses in every field. */
export function oneLine(text: string): string {
  return text
    .split(/[\p{Cc}\p{Zl}\p{Zp}]/u)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}

/** `value` as WeChat takes it in `field`: one line, of the field's kind, not empty, cut by code points. */
export function fitField(field: string, value: string): string {
  const [kindName = ''] = field.split(/[\d.]/);
  const { empty = EMPTY, length, takes } = KINDS[kindName] ?? OTHER_KIND;
  const taken = Array.from(oneLine(value)).filter((character) => takes?.test(character) ?? true);
  const fitted = taken.join('').trim();
  const cut = Array.from(fitted).slice(0, length).join('').trim();
  return cut === '' ? empty : cut;
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
