import type BetterSqlite from 'better-sqlite3';
import mysql from 'mysql2/promise';
import { credentials, HttpConnection, requestText } from './http-connection';
import { type LookupTask, type ReadResult, type ReadTask } from './tasks';

interface Page {
  items: { id: number | string; unread_count?: number }[];
  next?: string | null;
  count?: number;
}

const MAX_FAULTS = 3;

/** One request after the other; every answer is looked at, after its time was taken. */
export async function runRead(task: ReadTask): Promise<ReadResult> {
  const connection = await HttpConnection.open(task.port);
  const get = async (path: string, token: string): Promise<Page> => {
    const { body, status } = await connection.request(requestText('GET', path, credentials({ token })));
    if (status !== 200) throw new Error(`${path} was answered with ${status} ${body.slice(0, 200)}`);
    return JSON.parse(body) as Page;
  };
  const operations = {
    history: async (path: string, token: string) => {
      const { items } = await get(path, token);
      return () => checkItems(path, items, task.expected, true);
    },
    unread: async (path: string, token: string) => {
      const { count } = await get(path, token);
      return () => {
        if (count !== task.expected) throw new Error(`${path} counts ${String(count)}, not ${task.expected}`);
      };
    },
    list: async (path: string, token: string) => {
      const items: Page['items'] = [];
      let next: string | null | undefined;
      do {
        const page = await get(next == null ? path : `${path}&cursor=${encodeURIComponent(next)}`, token);
        items.push(...page.items);
        next = page.next;
      } while (next != null);
      return () => {
        checkItems(path, items, task.expected, false);
        const wrong = items.find(({ unread_count: count }) => count !== task.unreadEach);
        if (wrong !== undefined)
          throw new Error(`${path} counts ${String(wrong.unread_count)} in ${wrong.id}`);
      };
    },
  };
  try {
    return await timed(task, (turn) => {
      const { path, token } = task.requests[turn % task.requests.length]!;
      return operations[task.what](path, token);
    });
  } finally {
    connection.close();
  }
}

function checkItems(path: string, items: Page['items'], expected: number, rising: boolean): void {
  if (items.length !== expected) throw new Error(`${path} gave ${items.length} items, not ${expected}`);
  if (new Set(items.map(({ id }) => id)).size !== items.length) throw new Error(`${path} gave an item twice`);
  if (rising && items.some(({ id }, n) => n > 0 && id <= (items[n - 1]?.id ?? 0))) {
    throw new Error(`${path} gave messages out of order`);
  }
}

/** A bare look into the tables, through the same driver that the server uses. */
export async function runLookup(task: LookupTask): Promise<ReadResult> {
  const { query, close } = await openLookup(task.databaseUrl, task.sql);
  try {
    return await timed(task, async (turn) => {
      const rows = await query(task.parameters[turn % task.parameters.length] ?? []);
      return () => {
        if (rows !== task.expectedRows)
          throw new Error(`a lookup found ${rows} rows, not ${task.expectedRows}`);
      };
    });
  } finally {
    await close();
  }
}

async function openLookup(url: string, sql: string) {
  if (url.startsWith('sqlite:')) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- an optional dependency
    const Driver = require('better-sqlite3') as typeof BetterSqlite;
    const database = new Driver(url.slice('sqlite:'.length));
    const statement = database.prepare(sql);
    return {
      query: (values: (string | number)[]) => Promise.resolve(statement.all(...values).length),
      close: () => Promise.resolve(void database.close()),
    };
  }
  const connection = await mysql.createConnection({ uri: url, dateStrings: true });
  return {
    query: async (values: (string | number)[]) => {
      const [rows] = await connection.query(sql, values);
      return (rows as unknown[]).length;
    },
    close: () => connection.end(),
  };
}

async function timed(
  { maxRequests, ms }: { ms: number; maxRequests: number },
  operation: (turn: number) => Promise<() => void>,
): Promise<ReadResult> {
  const latencies: number[] = [];
  const faults: string[] = [];
  const end = performance.now() + ms;
  for (let turn = 0; turn < maxRequests && performance.now() < end && faults.length < MAX_FAULTS; turn += 1) {
    const since = performance.now();
    try {
      const check = await operation(turn);
      latencies.push(performance.now() - since);
      check();
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return { latencies: latencies.sort((a, b) => a - b), faults };
}
