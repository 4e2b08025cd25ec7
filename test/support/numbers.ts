const DIGITS = Array.from({ length: 10 }, (_none, digit) => `select ${digit} as d`).join(' union all ');

/** A derived table of the whole numbers `from` to `to`, in the column `seq`, for MariaDB and MySQL. */
export function numbers(from: number, to: number): string {
  const places = String(to).length;
  const tables = Array.from({ length: places }, (_none, place) => `(${DIGITS}) as d${place}`);
  const value = Array.from({ length: places }, (_none, place) => `d${place}.d * ${10 ** place}`).join(' + ');
  return `(select ${value} as seq from ${tables.join(' cross join ')} having seq between ${from} and ${to}) as numbers`;
}
