import { isUtf8 } from 'node:buffer';
import { type z } from 'zod';
import { type Fault, invalid } from '../errors';
import { jsonDepth, MAX_JSON_DEPTH } from '../model/values/text';

/**
 * `value` as the schema gives it back.
 * @throws AppError `validation_failed` that lists every fault
 */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = check(schema, value);
  if (result.success) return result.data;
  throw invalid(faultsOf(result.error.issues));
}

const quickChecks = new WeakMap<z.ZodType, z.ZodType>();

/**
 * `exact`, beside a schema that takes the same input in less time, for the requests that there are many of. What `quick`
 * refuses goes to `exact`, which finds every fault.
 */
export function withQuickCheck<Schema extends z.ZodType>(exact: Schema, quick: z.ZodType): Schema {
  quickChecks.set(exact, quick);
  return exact;
}

/** As `schema.safeParse`, by the quick check where there is one. */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.ZodSafeParseResult<z.output<Schema>> {
  const quick = quickChecks.get(schema)?.safeParse(value);
  return quick?.success === true
    ? (quick as z.ZodSafeParseSuccess<z.output<Schema>>)
    : schema.safeParse(value);
}

/** Every fault that zod found, by its dotted path. */
export function faultsOf(issues: readonly z.core.$ZodIssue[]): Fault[] {
  const faults = issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }));
  return faults.filter(
    (fault, index) =>
      faults.findIndex((other) => other.path === fault.path && other.message === fault.message) === index,
  );
}

/**
 * The text of `bytes`.
 * @throws TypeError when they are no UTF-8
 */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new TypeError('no UTF-8');
  return bytes.toString('utf8');
}

/**
 * Faults that a schema does not look for: NUL and halves of surrogate pairs, which no database stores as they are, and
 * nesting deeper than 32. In most texts neither is possible, and the text alone tells.
 * @param text the JSON that `value` was parsed from
 */
export function textFaults(text: string, value: unknown): Fault[] {
  const faults: Fault[] = [];
  if (text.includes('\\u')) collectBadText(value, [], faults);
  if (mayNestTooDeep(text) && jsonDepth(text) > MAX_JSON_DEPTH) {
    faults.push({ path: '', message: `nested deeper than ${MAX_JSON_DEPTH}` });
  }
  return faults;
}

/** Whether enough is opened in it. Searching for two characters is many times as fast as looking at each. */
function mayNestTooDeep(text: string): boolean {
  let opened = 0;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      opened += 1;
      if (opened > MAX_JSON_DEPTH) return true;
    }
  }
  return false;
}

/** A body can hold tens of thousands of bad texts, and an answer that lists them would be larger than it. */
const MAX_TEXT_FAULTS = 500;

function collectBadText(value: unknown, path: string[], faults: Fault[]): void {
  if (path.length > MAX_JSON_DEPTH || faults.length >= MAX_TEXT_FAULTS) return;
  if (typeof value === 'string') {
    if (isBadText(value))
      faults.push({ path: path.join('.'), message: 'text without NUL and with whole characters' });
  } else if (Array.isArray(value)) {
    value.forEach((each, index) => collectBadText(each, [...path, String(index)], faults));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      if (isBadText(key))
        faults.push({ path: path.join('.'), message: 'keys without NUL and with whole characters' });
      collectBadText(each, [...path, key], faults);
    }
  }
}

/** NUL, or a surrogate without its other half, which UTF-8 can't hold. */
export function isBadText(text: string): boolean {
  return text.includes('\0') || !(text as string & { isWellFormed(): boolean }).isWellFormed();
}
