import { type Tables } from './bench-database';
import { type ReceiverPlan, type SenderPlan, type SendResult } from './client/tasks';

/** Faults of one kind come by the thousand; these are enough to see what it is. */
const SHOWN = 3;

function some(faults: readonly string[]): string[] {
  const more = faults.length - SHOWN;
  return more > 0 ? [...faults.slice(0, SHOWN), `and ${more} more of these`] : [...faults];
}

/** Where a server keeps its messages. */
export interface MessageTable {
  tables: Tables;
  name: 'muc_messages' | 'messages';
}

export async function newestId({ name, tables }: MessageTable): Promise<number> {
  const [row] = await tables.rows(`select max(id) as id from ${name}`);
  return Number(row?.id ?? 0);
}

/**
 * Every message that was accepted is in the table once, under the id that was answered, and nothing else is there.
 * @param after ids up to this one were there before
 */
export async function checkStored(
  { name, tables }: MessageTable,
  after: number,
  run: string,
  senders: readonly SenderPlan[],
  ids: SendResult['ids'],
): Promise<string[]> {
  const accepted = new Map<string, { id: number; session: string }>();
  senders.forEach(({ sessions }, index) =>
    ids[index]?.forEach((id, n) => {
      const session = sessions[n % sessions.length] ?? '';
      if (id !== 0) accepted.set(`${run}-${index}-${n}`, { id, session });
    }),
  );
  const faults: string[] = [];
  const times = new Map<string, string>();
  const rows = await tables.rows(
    `select id, session_id, content, timestamp from ${name} where id > ? order by id`,
    [after],
  );
  for (const { content, id, session_id: session, timestamp } of rows) {
    // The server stores JSON, the naive one the text itself.
    const message = /^"?(\S+) /.exec(String(content))?.[1] ?? '';
    const expected = accepted.get(message);
    if (expected === undefined) faults.push(`${message} is stored twice, or was never accepted`);
    else if (expected.id !== id || expected.session !== session)
      faults.push(`${message} is stored as another one`);
    accepted.delete(message);
    const last = times.get(String(session)) ?? '';
    if (name === 'muc_messages' && String(timestamp) <= last)
      faults.push(`${message} has no later time than the one before`);
    times.set(String(session), String(timestamp));
  }
  for (const message of accepted.keys()) faults.push(`${message} was accepted and is not stored`);
  return some(faults);
}

/** Each message since `after` has exactly one notice for each of the patients in its session. */
export async function checkNotices(
  { name, tables }: MessageTable,
  after: number,
  patients: number,
): Promise<string[]> {
  const [found] = await tables.rows(
    'select count(*) as notices, count(distinct message_id) as messages from notices where message_id > ?',
    [after],
  );
  const [stored] = await tables.rows(`select count(*) as messages from ${name} where id > ?`, [after]);
  const messages = Number(stored?.messages);
  const right = Number(found?.messages) === messages && Number(found?.notices) === messages * patients;
  return right ? [] : [`${messages} messages have ${String(found?.notices)} notices`];
}

export interface Arrivals {
  lostOrDoubled: string[];
  /** Of messages that came after a later one. */
  outOfOrder: number;
}

/** Every receiver got all that was accepted in its session, each once. */
export function checkReceived(
  senders: readonly SenderPlan[],
  ids: SendResult['ids'],
  receivers: readonly ReceiverPlan[],
  received: SendResult['received'],
): Arrivals {
  const faults: string[] = [];
  let outOfOrder = 0;
  receivers.forEach(({ sessionId }, index) => {
    const expected = senders
      .flatMap(({ sessions }, sender) =>
        (ids[sender] ?? []).filter((id, n) => id !== 0 && sessions[n % sessions.length] === sessionId),
      )
      .sort((a, b) => a - b);
    const got = received[index] ?? [];
    got.forEach((id, n) => {
      if (n > 0 && id < (got[n - 1] ?? 0)) outOfOrder += 1;
    });
    const sorted = [...got].sort((a, b) => a - b);
    if (sorted.length !== expected.length || sorted.some((id, n) => id !== expected[n])) {
      faults.push(
        `a socket of ${sessionId} got ${got.length} messages (${new Set(got).size} different), ${expected.length} were accepted`,
      );
    }
  });
  return { lostOrDoubled: some(faults), outOfOrder };
}
