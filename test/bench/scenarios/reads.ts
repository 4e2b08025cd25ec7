import { type Tables } from '../bench-database';
import { type LookupTask, type ReadTask } from '../client/tasks';
import { type LoadProcess } from '../load-process';
import { Population, user } from '../population';
import { type Bench, type Scenario } from '../scenario';
import { type BenchServer } from '../servers';
import { percentile } from '../statistics';
import { fill, middleId, readPosition } from './message-store';

const PAGE = 50;
/** For MariaDB, which would not always take that index; a comment to SQLite. */
const HINT = '/*! force index (muc_messages_session) */';
/** Unread messages a session, where they are counted and where sessions are listed. */
const UNREAD = { counted: 20, listed: 3 };
/** A hundred messages of each session of these in the small table. */
const MESSAGES_A_HISTORY_SESSION = 100;
const MAX_REQUESTS = 20_000;
const LIMIT_MS = 60_000;
const SHARE_OF_SECONDS = 0.5;

type What = ReadTask['what'];
const READS: readonly What[] = ['history', 'unread', 'list'];

interface Store {
  size: number;
  tables: Tables;
  server: BenchServer;
  reads: Record<What, Pick<ReadTask, 'requests' | 'expected'>>;
  lookups: Record<What, Pick<LookupTask, 'sql' | 'parameters' | 'expectedRows'>>;
}

/** A server whose table holds `size` messages: half of them in a few sessions, half in those of one busy doctor. */
async function openStore(bench: Bench, size: number): Promise<Store> {
  const [small] = bench.sizes.tables;
  const histories = small / 2 / MESSAGES_A_HISTORY_SESSION;
  const { listSessions } = bench.sizes;
  const tables = await bench.tables();
  const server = await bench.server(tables);
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_none, n) => `${prefix}${n}`);
  const tokens = await Population.of(server, async (population) => {
    const users = ['D0', 'P0', 'D1', 'P1'].map(user);
    await population.users(users);
    await population.sessions([
      ...names('h', histories).map((id) => ({ id, participants: ['D0', 'P0'] })),
      ...names('l', listSessions).map((id) => ({ id, participants: ['D1', 'P1'] })),
    ]);
    return await population.tokens(users);
  });
  const token = (id: string) => tokens.get(id) ?? '';
  const messagesEach = size / 2 / histories;
  await fill(bench.database, tables, {
    prefix: 'h',
    sessions: histories,
    messagesEach,
    sender: 'D0',
    unread: UNREAD.counted,
  });
  await fill(bench.database, tables, {
    prefix: 'l',
    sessions: listSessions,
    messagesEach: Math.floor(size / 2 / listSessions),
    sender: 'P1',
    unread: UNREAD.listed,
  });

  const sessions = names('h', histories);
  const middles = await Promise.all(sessions.map((id) => middleId(tables, id, messagesEach)));
  const positions = await Promise.all(sessions.map((id) => readPosition(tables, id, 'P0')));
  const history = (id: string, more = '') => ({
    path: `/api/v2/sessions/${id}/messages?limit=${PAGE}${more}`,
    token: token('D0'),
  });
  return {
    size,
    tables,
    server,
    reads: {
      history: {
        requests: sessions.flatMap((id, n) => [history(id), history(id, `&before=${middles[n] ?? 0}`)]),
        expected: PAGE,
      },
      unread: {
        requests: sessions.map((id) => ({
          path: `/api/v2/sessions/${id}/unread_message_count`,
          token: token('P0'),
        })),
        expected: UNREAD.counted,
      },
      list: {
        requests: [{ path: '/api/v2/sessions?limit=200', token: token('D1') }],
        expected: listSessions,
      },
    },
    lookups: {
      history: {
        sql: `select * from muc_messages ${HINT} where session_id = ? and id < ? order by id desc limit 51`,
        parameters: sessions.flatMap((id, n) => [
          [id, Number.MAX_SAFE_INTEGER],
          [id, middles[n] ?? 0],
        ]),
        expectedRows: PAGE + 1,
      },
      unread: {
        sql: `select count(*) from muc_messages ${HINT} where session_id = ? and id > ? and sender_id <> ?`,
        parameters: sessions.map((id, n) => [id, positions[n] ?? 0, 'P0']),
        expectedRows: 1,
      },
      list: {
        sql: 'select session_id from participants where participant_id = ?',
        parameters: [['D1']],
        expectedRows: listSessions,
      },
    },
  };
}

async function readMs(
  bench: Bench,
  client: LoadProcess,
  store: Store,
  what: What,
  seconds: number,
): Promise<number> {
  const { latencies, faults } = await client.run(
    {
      kind: 'read',
      what,
      port: store.server.port,
      ...store.reads[what],
      unreadEach: UNREAD.listed,
      ms: seconds * 1000,
      maxRequests: MAX_REQUESTS,
    },
    LIMIT_MS,
  );
  bench.report.fault(`${what} at ${store.size} messages`, faults);
  return percentile(latencies, 0.5);
}

async function lookupMs(
  bench: Bench,
  client: LoadProcess,
  store: Store,
  what: What,
  seconds: number,
): Promise<number> {
  const { latencies, faults } = await client.run(
    {
      kind: 'lookup',
      databaseUrl: store.tables.url,
      ...store.lookups[what],
      ms: seconds * 1000,
      maxRequests: MAX_REQUESTS,
    },
    LIMIT_MS,
  );
  bench.report.fault(`${what}, bare lookup at ${store.size} messages`, faults);
  return percentile(latencies, 0.5);
}

/** How reading grows with the table: few messages beside many, and both beside bare lookups by index. */
export const reads: Scenario = async (bench) => {
  const { rounds, seconds, tables: sizes } = bench.sizes;
  const chosen = READS.filter((what) => bench.options.only.includes(what));
  const client = bench.client();
  const small = await openStore(bench, sizes[0]);
  const large = await openStore(bench, sizes[1]);
  const count = (value: number) => value.toLocaleString('en-US');
  for (const what of chosen) {
    for (const store of [small, large]) {
      await readMs(bench, client, store, what, bench.sizes.warmSeconds);
      await lookupMs(bench, client, store, what, bench.sizes.warmSeconds / 4);
    }
    for (let round = 0; round < rounds; round += 1) {
      const figures = { small: 0, large: 0, bareSmall: 0, bareLarge: 0 };
      const time = seconds * SHARE_OF_SECONDS;
      const sides = [
        async () => (figures.small = await readMs(bench, client, small, what, time)),
        async () => (figures.large = await readMs(bench, client, large, what, time)),
        async () => (figures.bareSmall = await lookupMs(bench, client, small, what, time / 2)),
        async () => (figures.bareLarge = await lookupMs(bench, client, large, what, time / 2)),
      ];
      for (const side of round % 2 === 0 ? sides : sides.reverse()) await side();
      const scenario = `${what} (${bench.database.name})`;
      const title = {
        history: 'a page of 50',
        unread: 'one count',
        list: `${large.reads.list.expected} sessions`,
      }[what];
      bench.say(
        `${what}, ${title}: ${figures.small.toFixed(2)} ms at ${count(small.size)}, ${figures.large.toFixed(2)} ms at ${count(large.size)}; bare lookup ${figures.bareSmall.toFixed(2)}, ${figures.bareLarge.toFixed(2)}`,
      );
      const common = { scenario, unit: 'ms' };
      bench.report.add(
        {
          ...common,
          title: `${title} at ${count(large.size)} messages`,
          against: `at ${count(small.size)}`,
          target: { ratio: 1.3, is: 'at most' },
        },
        figures.large,
        figures.small,
      );
      bench.report.add(
        { ...common, title: `${title}, beside a lookup`, against: 'bare lookup' },
        figures.large,
        figures.bareLarge,
      );
      bench.report.add(
        {
          ...common,
          title: `bare lookup at ${count(large.size)} messages`,
          against: `at ${count(small.size)}`,
        },
        figures.bareLarge,
        figures.bareSmall,
      );
    }
  }
};
