import { type BenchDatabase, type Tables } from '../bench-database';

/** Tables that are filled behind the server's back, since a million messages by its API would take minutes. */

export interface Filling {
  /** Session `<prefix>0`, `<prefix>1`…, all made already. */
  prefix: string;
  sessions: number;
  messagesEach: number;
  sender: string;
  /** The newest messages of each session, which everybody but their sender has not read yet. */
  unread: number;
}

/** Inserts messages one second apart, the sessions taking turns as in real life, and brings the sessions up to date. */
export async function fill(
  { name }: Pick<BenchDatabase, 'name'>,
  tables: Tables,
  { messagesEach, prefix, sender, sessions, unread }: Filling,
): Promise<void> {
  const onSqlite = name === 'sqlite';
  const session = onSqlite ? `'${prefix}' || (n % ${sessions})` : `concat('${prefix}', n % ${sessions})`;
  const time = onSqlite
    ? `strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', n || ' seconds')`
    : `date_add('2026-01-01 00:00:00.000', interval n second)`;
  const content = onSqlite
    ? `'"message ' || n || ' ${'x'.repeat(280)}"'`
    : `concat('"message ', n, ' ${'x'.repeat(280)}"')`;
  if (name === 'mariadb') await tables.run('set max_recursive_iterations = 10000000');
  if (name === 'mysql') await tables.run('set cte_max_recursion_depth = 10000000');
  const numbers = `with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n + 1 < ${sessions * messagesEach})`;
  const columns = 'session_id, sender_id, sender_name, type, content, timestamp';
  const rows = `select ${session}, '${sender}', '${sender}', 1, ${content}, ${time} from numbers`;
  // SQLite wants the numbers before the insert, the others behind it.
  await tables.run(
    onSqlite
      ? `${numbers} insert into muc_messages (${columns}) ${rows}`
      : `insert into muc_messages (${columns}) ${numbers} ${rows}`,
  );
  const newest = (column: string, offset = 0) =>
    `(select ${column} from muc_messages m where m.session_id = ${offset === 0 ? 'sessions.id' : 'participants.session_id'} order by m.id desc limit 1 offset ${offset})`;
  await tables.run(
    `update sessions set last_message_id = ${newest('id')}, last_message_time = ${newest('timestamp')},
      last_sender_id = '${sender}', last_sender_name = '${sender}', last_content_type = 1, last_content = '"the last"'
      where id like '${prefix}%'`,
  );
  await tables.run(
    `update participants set last_fetch_time = ${newest('timestamp', unread)} where session_id like '${prefix}%'`,
  );
  // What InnoDB does by itself a little later: in the middle of a measurement it would change the plans.
  if (!onSqlite) await tables.run('analyze table muc_messages, sessions, participants');
}

/** The id before which a page lies that is neither new nor at the beginning: 60 of 100 messages are older. */
export async function middleId(tables: Tables, session: string, messages: number): Promise<number> {
  const [row] = await tables.rows(
    `select id from muc_messages where session_id = ? order by id limit 1 offset ${Math.floor(messages * 0.6)}`,
    [session],
  );
  return Number(row?.id);
}

/** The id of the newest message of the session that the user has read. */
export async function readPosition(tables: Tables, session: string, user: string): Promise<number> {
  const [row] = await tables.rows(
    `select max(m.id) as id from muc_messages m join participants p on p.session_id = m.session_id
      where p.session_id = ? and p.participant_id = ? and m.timestamp <= p.last_fetch_time`,
    [session, user],
  );
  return Number(row?.id);
}
