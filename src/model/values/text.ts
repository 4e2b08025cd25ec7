import { z } from 'zod';

/** Length in code points, as people count characters. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The first `maximum` code points of `value`. */
export function cutTo(value: string, maximum: number): string {
  return value.length <= maximum ? value : Array.from(value).slice(0, maximum).join('');
}

/** A string of `minimum` to `maximum` code points. */
export function text(minimum: number, maximum: number) {
  const message = `a string of ${minimum} to ${maximum} characters`;
  return z
    .string(message)
    .refine(
      (value) =>
        value.length >= minimum &&
        // No string has more code points than UTF-16 units, and none has fewer than half as many.
        (value.length <= maximum || (value.length <= maximum * 2 && codePoints(value) <= maximum)),
      message,
    )
    .meta({ minLength: minimum, maxLength: maximum });
}

const NAME_LENGTH = 100;

export const name = text(1, NAME_LENGTH).meta({ example: '王小明' });

/** A text in a name's place, as long as the columns take: an id may be longer, and a name in the platform's own tables. */
export function asName(text: string): string {
  return cutTo(text, NAME_LENGTH);
}

/** An http or https URL of at most 2,048 characters; no other scheme, for it goes into pages. */
export const httpUrl = text(1, 2048)
  .refine(
    // eslint-disable-next-line no-control-regex -- control characters are what it keeps out
    (value) => /^https?:\/\/[^\s\u0000-\u001f\u007f]+$/i.test(value) && URL.canParse(value),
    'an http or https URL',
  )
  .meta({ example: 'https://files.example.com/a.jpg' });

export const MAX_JSON_DEPTH = 32;

/** How deep arrays and objects nest in JSON text that is known to parse. */
export function jsonDepth(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (inString) {
      if (character === '\\') index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}
