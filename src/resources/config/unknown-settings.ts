import { closest, distance } from 'fastest-levenshtein';
import { SETTINGS } from './settings';

const KNOWN = ['IM_PROFILE', ...Object.keys(SETTINGS)];
/** For the tests of the server itself. */
const OF_TESTS = 'IM_TEST_';
/** A name that differs in more characters is not meant. */
const NEAR = 4;

/** A sentence for each variable `IM_…` that no setting reads, with the name that may be meant. */
export function unknownSettings(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('IM_') && !KNOWN.includes(name) && !name.startsWith(OF_TESTS))
    .sort()
    .map((name) => {
      const nearest = closest(name, KNOWN);
      const hint = distance(name, nearest) <= NEAR ? `: is ${nearest} meant?` : '';
      return `${name} is no setting of this server${hint}`;
    });
}
