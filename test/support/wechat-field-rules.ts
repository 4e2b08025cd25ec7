// What WeChat takes in a template's fields, by kind; anything else is refused with 47003.
// https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
const CLOCK = /\d{1,2}:\d{2}(:\d{2})?/.source;
const DAY = /\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日/.source;

const RULES: Readonly<Record<string, RegExp>> = {
  thing: /^.{1,20}$/u,
  phrase: /^\p{Script=Han}{1,5}$/u,
  character_string: /^[\x20-\x7e]{1,32}$/,
  number: /^\d{1,32}$|^(?=.{3,32}$)\d+\.\d+$/,
  letter: /^[A-Za-z]{1,32}$/,
  time: new RegExp(`^(${DAY})? ?${CLOCK}$`),
  date: new RegExp(`^(${DAY})( ${CLOCK})?$`),
  name: /^[A-Za-z\p{Script=Han}]{1,10}$/u,
};

/** Which field WeChat would refuse, in its words (`data.thing1.value invalid`); undefined where it takes all. */
export function fieldFault(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || Object.keys(data).length === 0) return 'data invalid';
  for (const [field, entry] of Object.entries(data as Record<string, { value?: unknown } | null>)) {
    const value = entry?.value;
    const rule = RULES[field.replace(/\d.*$/, '')];
    const isFit = value === '-' || (typeof value === 'string' && (rule?.test(value) ?? true));
    const valid = isFit && value !== '' && !/\p{Cc}/u.test(value);
    if (!valid) return `data.${field}.value invalid`;
  }
  return undefined;
}
