import { databaseNow } from '../db/clock';
import { type Database } from '../db/database';
import { fromSqlTime } from '../db/time';

const NAME = 'wechat_forced_tokens';
const GAP_S = 30;
const DAY_S = 24 * 60 * 60;
const A_DAY = 20;

/**
 * Whether WeChat may be asked now for another access token than the one that it gives (`force_refresh`), and notes that it is.
 * WeChat allows it once in 30 s and 20 times a day; all processes count together, in a row of `server_state` that holds the
 * times of the latest ones, in seconds.
 */
export async function takeForcedToken({ dialect, kysely }: Database): Promise<boolean> {
  const row = await kysely
    .selectFrom('server_state')
    .select('value')
    .where('name', '=', NAME)
    .executeTakeFirst();
  if (row === undefined)
    await dialect.upsert(kysely, 'server_state', ['name'], { name: NAME, value: '' }, []);
  const value = row?.value ?? '';
  const now = Math.floor(fromSqlTime(await databaseNow(kysely, dialect)) / 1000);
  const latest = value
    .split(' ')
    .map(Number)
    .filter((time) => time > now - DAY_S);
  if (latest.length >= A_DAY || latest.some((time) => time > now - GAP_S)) return false;
  const result = await kysely
    .updateTable('server_state')
    .set({ value: [...latest, now].join(' ') })
    .where('name', '=', NAME)
    .where('value', '=', value)
    .executeTakeFirst();
  // Another process took it in between.
  return result.numUpdatedRows > 0n;
}
