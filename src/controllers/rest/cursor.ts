import { z } from 'zod';
import { invalidField } from '../../errors';

/** A cursor is opaque to clients: the place after which the next page begins, as base64url of JSON. */
export function encodeCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * The place that a cursor holds.
 * @throws AppError `validation_failed` on `cursor` for what this server did not give out
 */
export function decodeCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string | undefined,
): z.output<Schema> | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw invalidField('cursor', 'a cursor of an earlier page');
  }
}

/** A time of the database inside a cursor. */
export const cursorTime = z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);

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
