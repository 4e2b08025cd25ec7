import { z } from 'zod';
import { toIso } from '../../db/time';
import { json } from '../../views/frames';
import { fitting, RawJson } from '../../views/message';
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

/** A page whose query asked for one row more than `limit`. It is cut where it would be too large for a phone. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  view: (row: Row) => unknown,
  place: (row: Row) => readonly (string | number)[],
): { items: RawJson[]; next: string | null } {
  const texts = rows.slice(0, limit).map((row) => json(view(row)));
  const items = texts.slice(0, fitting(texts)).map((text) => new RawJson(text));
  const last = rows[items.length - 1];
  return {
    items,
    next: rows.length > items.length && last !== undefined ? encodeCursor(place(last)) : null,
  };
}
