import { hostname } from 'node:os';
import { type Counter, type Gauge } from 'prom-client';
import {
  EVENT_STATES,
  type EventState,
  NOTICE_CHANNELS,
  NOTICE_STATES,
  type NoticeChannel,
  type NoticeState,
} from '../../db/schema';
import { VERSION } from '../../version';
import { type Database } from '../../db/database';
import { countFiles } from '../../model/files';
import { type Services } from '../services';

/** The status page asks every 2 s, maybe in several tabs; counting rows is asked of the database no oftener than this. */
const COUNTS_AGE_MS = 5_000;
/** A database or bus that takes longer counts as away. */
const PROBE_LIMIT_MS = 2_000;

interface Part {
  description: string;
  ok: boolean;
  /** null: no answer in time */
  latency_ms: number | null;
}

interface Counts {
  sessions: { total: number; with_open_topic: number };
  notices: Record<NoticeState, number>;
  notices_by_channel: Record<NoticeChannel, Record<NoticeState, number>>;
  files: { total: number; bytes: number };
  events: Record<EventState, number>;
}

/** The running status: figures of this process, and, where `sessions`, `notices` and `events` are, of the whole database. */
export interface RunningStatus {
  time: string;
  version: string;
  profile: string;
  process: { id: string; uptime_seconds: number; memory_bytes: number };
  sockets: { doctor: number; patient: number };
  users_online: number;
  /** Stored by this process since its start; the page makes messages a second of it. */
  messages: { total: number; by_table: Record<string, number> };
  pushes: Record<string, number>;
  /** null while the database does not answer */
  sessions: Counts['sessions'] | null;
  notices: Counts['notices'] | null;
  notices_by_channel: Counts['notices_by_channel'] | null;
  files: Counts['files'] | null;
  /** Of the platform's webhook. */
  events: Counts['events'] | null;
  database: Part;
  bus: Part & { shared: boolean };
}

/** What reads the running status; it keeps counted rows for some seconds. */
export function statusReader(
  services: Pick<Services, 'bus' | 'config' | 'database' | 'metrics' | 'sockets'>,
  countsAgeMs = COUNTS_AGE_MS,
): () => Promise<RunningStatus> {
  const { bus, config, database, metrics, sockets } = services;
  let counted: { at: number; counts: Counts } | undefined;
  let counting: Promise<Counts> | undefined;

  // One count at a time, however long the database takes.
  const counts = (): Promise<Counts> => {
    if (counted !== undefined && performance.now() - counted.at <= countsAgeMs)
      return Promise.resolve(counted.counts);
    counting ??= countRows(database)
      .then((found) => {
        counted = { at: performance.now(), counts: found };
        return found;
      })
      .finally(() => {
        counting = undefined;
      });
    return counting;
  };

  return async () => {
    const [databasePing, busPing, rows, byType, byTable, pushes] = await Promise.all([
      probe(() => database.ping()),
      probe(() => bus.ping()),
      within(counts()),
      valuesOf(metrics.sockets, 'user_type'),
      valuesOf(metrics.messages, 'table'),
      valuesOf(metrics.pushes, 'result'),
    ]);
    return {
      time: new Date().toISOString(),
      version: VERSION,
      profile: config.profile,
      process: {
        // In containers every process may be number 1.
        id: `${hostname()}:${process.pid}`,
        uptime_seconds: Math.floor(process.uptime()),
        memory_bytes: process.memoryUsage.rss(),
      },
      sockets: { doctor: byType.doctor ?? 0, patient: byType.patient ?? 0 },
      users_online: [...sockets.users()].length,
      messages: { total: Object.values(byTable).reduce((sum, each) => sum + each, 0), by_table: byTable },
      pushes,
      sessions: rows?.sessions ?? null,
      notices: rows?.notices ?? null,
      notices_by_channel: rows?.notices_by_channel ?? null,
      files: rows?.files ?? null,
      events: rows?.events ?? null,
      database: { description: database.description, ...databasePing },
      bus: {
        description: bus.description,
        shared: bus.shared,
        ok: busPing.ok && bus.healthy,
        latency_ms: busPing.latency_ms,
      },
    };
  };
}

async function countRows({ kysely: db }: Database): Promise<Counts> {
  const files = await countFiles(db);
  const sessions = await db
    .selectFrom('sessions')
    .select(['status', (eb) => eb.fn.countAll().as('count')])
    .groupBy('status')
    .execute();
  const notices = await db
    .selectFrom('notices')
    .select(['channel', 'state', (eb) => eb.fn.countAll().as('count')])
    .groupBy(['channel', 'state'])
    .execute();
  const noticesOf = (channels: readonly string[]) =>
    Object.fromEntries(
      NOTICE_STATES.map((state) => [
        state,
        notices.reduce(
          (sum, row) => sum + (row.state === state && channels.includes(row.channel) ? Number(row.count) : 0),
          0,
        ),
      ]),
    ) as Counts['notices'];
  const eventRows = await db
    .selectFrom('webhook_events')
    .select(['state', (eb) => eb.fn.countAll().as('count')])
    .groupBy('state')
    .execute();
  const events = new Map<string, number>(eventRows.map(({ state, count }) => [state, Number(count)]));
  return {
    sessions: {
      total: sessions.reduce((sum, { count }) => sum + Number(count), 0),
      with_open_topic: Number(sessions.find(({ status }) => status === 1)?.count ?? 0),
    },
    notices: noticesOf(NOTICE_CHANNELS),
    notices_by_channel: Object.fromEntries(
      NOTICE_CHANNELS.map((channel) => [channel, noticesOf([channel])]),
    ) as Counts['notices_by_channel'],
    files,
    events: Object.fromEntries(
      EVENT_STATES.map((state) => [state, events.get(state) ?? 0]),
    ) as Counts['events'],
  };
}

async function probe(ping: () => Promise<void>): Promise<Pick<Part, 'ok' | 'latency_ms'>> {
  const begin = performance.now();
  const answered = await within(ping().then(() => true));
  if (answered !== true) return { ok: false, latency_ms: null };
  return { ok: true, latency_ms: Math.round((performance.now() - begin) * 10) / 10 };
}

/** What `work` gives; undefined when it fails or takes too long. */
async function within<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PROBE_LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function valuesOf(metric: Counter | Gauge, label: string): Promise<Record<string, number>> {
  const { values } = await metric.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels[label]), value]));
}
