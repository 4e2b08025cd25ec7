import { type z } from 'zod';

type RawIssue = z.core.$ZodRawIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  null: 'null',
};

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' items', set: ' items' };

/** zod's faults in the words of this API, where a schema has none of its own: what would be taken, in one line. */
export function faultMessage(issue: RawIssue): string | undefined {
  if (issue.input === undefined && issue.code !== 'custom') return 'required';
  switch (issue.code) {
    case 'invalid_type':
      return kindOf(issue.expected);
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${UNITS[issue.origin] ?? ''}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${UNITS[issue.origin] ?? ''}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'regex' ? 'not of the form that it takes' : `a valid ${issue.format}`;
    case 'invalid_union':
      return choice(issue);
    default:
      return undefined;
  }
}

function kindOf(expected: string): string {
  return KINDS[expected] ?? `a value of the type ${expected}`;
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
  return shown.length === 1 ? `must be ${shown.join('')}` : `one of ${shown.join(', ')}`;
}

/** Of a choice between values, all of them; of one between kinds, the kinds. */
function choice(issue: Extract<RawIssue, { code: 'invalid_union' }>): string {
  const first = issue.errors.map(([fault]) => fault).filter((fault) => fault !== undefined);
  const values = first.flatMap((fault) => (fault.code === 'invalid_value' ? fault.values : []));
  if (values.length > 0 && first.every(({ code }) => code === 'invalid_value')) return oneOf(values);
  const kinds = first.flatMap((fault) => {
    if (fault.code === 'invalid_type') return [kindOf(fault.expected)];
    return fault.code === 'invalid_value' ? fault.values.map(String) : [];
  });
  return kinds.length === 0 ? 'none of the forms that it takes' : [...new Set(kinds)].join(' or ');
}
