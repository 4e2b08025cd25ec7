import { log } from '../../logger';
import { type BusEvent } from './bus';
import { type BusQuestion } from './bus-questions';

/** What stands before a text that is no batch of events. */
export const MARK = { beat: 'b', hello: 'h', bye: 'x' } as const;

/** The events of a batch; none, where it is no text of ours. */
export function eventsIn(batch: string): (BusEvent | BusQuestion)[] {
  try {
    return JSON.parse(batch) as (BusEvent | BusQuestion)[];
  } catch {
    log.error('a text on the bus is none of ours: does something else use its channel?');
    return [];
  }
}

/** The first two words, and the rest. */
export function partsOf(text: string): [string, string, string] {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}
