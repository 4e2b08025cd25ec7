/**
 * Times are stored as `YYYY-MM-DD HH:MM:SS.mmm` in UTC (DATETIME(3) or TEXT): the same text and the same order in every
 * database. On the wire they are ISO 8601 in UTC with milliseconds.
 */
export type SqlTime = string;

/** The second that was asked for last, and its text up to the point: nearly all times are now. */
let lastSecond = NaN;
let lastText = '';

/** Milliseconds since the epoch → the database's text. */
export function toSqlTime(milliseconds: number): SqlTime {
  const second = Math.floor(milliseconds / 1000);
  if (second !== lastSecond) {
    const iso = new Date(milliseconds).toISOString();
    lastText = `${iso.slice(0, 10)} ${iso.slice(11, 20)}`;
    lastSecond = second;
  }
  return lastText + String(Math.floor(milliseconds) - second * 1000).padStart(3, '0');
}

/** The database's text → milliseconds since the epoch. */
export function fromSqlTime(time: SqlTime): number {
  return Date.parse(toIso(time));
}

/** The database's text → ISO 8601; a platform's view may hold times without milliseconds. */
export function toIso(time: SqlTime): string {
  return `${time.slice(0, 10)}T${time.slice(11, 23)}${time.length < 23 ? '.000' : ''}Z`;
}

/** `milliseconds` after `time`. */
export function later(time: SqlTime, milliseconds: number): SqlTime {
  return toSqlTime(fromSqlTime(time) + milliseconds);
}

export function nowSql(): SqlTime {
  return toSqlTime(Date.now());
}

/** The later of two times of the database; null is before everything. */
export function laterOf(first: SqlTime | null, second: SqlTime | null): SqlTime | null {
  if (first === null) return second;
  if (second === null) return first;
  return first > second ? first : second;
}
