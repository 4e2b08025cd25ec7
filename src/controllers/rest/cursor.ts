import { z } from 'zod';
import { toIso } from '../../db/time';
import { limit } from './schemas';

/** A cursor is opaque to clients: the place after which the next page begins, as base64url of JSON. */
function encodeCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** The query of a list that pages: `limit`, and `cursor`, which the handler gets as the place that it holds. */
export function pageBy<Place extends z.ZodType>(place: Place) {
  const cursor = z
    .string()
    .max(1024)
    .transform((text, { issues }): z.output<Place> => {
      const decoded = place.safeParse(jsonOf(Buffer.from(text, 'base64url').toString()));
      if (decoded.success) return decoded.data;
      issues.push({ code: 'custom', message: 'a cursor of an earlier page', input: text });
      return z.NEVER;
    })
    .meta({ description: 'what `next` held in the page before' });
  return z.object({ limit, cursor: cursor.optional() });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A time of the database inside a cursor; MySQL refuses to compare with one that is no time. */
export const cursorTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/)
  .refine((time) => z.iso.datetime().safeParse(toIso(time)).success);

/** A page whose query asked for one row more than `limit`. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => Item,
  place: (row: Row) => readonly (string | number)[],
): { items: Item[]; next: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    items: kept.map(view),
    next: rows.length > limit && last !== undefined ? encodeCursor(place(last)) : null,
  };
}
