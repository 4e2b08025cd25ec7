import { parseArgs } from 'node:util';

export const SCENARIOS = [
  'send',
  'latency',
  'fanout',
  'idle',
  'history',
  'unread',
  'list',
  'cluster',
  'outboxes',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];
export const DATABASES = ['mariadb', 'mysql', 'sqlite'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export const USAGE = `npm run bench -- [options]
  --quick               everything small, under a minute; prints no ratios, since it judges only that nothing is lost,
                        doubled or out of order
  --only <a,b>          of ${SCENARIOS.join(', ')}
  --database <a,b>      ${DATABASES.join(', ')}; by default MariaDB for all, and MySQL and SQLite for send too (--quick: for what depends
                        on the database). MySQL: of the PATH, or at IM_TEST_MYSQL_URL
  --cases <a,b>         of "send", such as rest-64-many or socket-1-hot
  --rounds <n>          rounds of each comparison, 5 by default; medians count
  --seconds <n>         of load a side and round, 5 by default
  --as users|backend    who sends by REST: users with their tokens (the default), or the backend with its key
  --profile             a CPU profile of the server under "send" with 64 senders, instead of the measurements
  --door rest|socket    what is profiled, rest by default
  --dist <folder>       another build of the server than dist/, which is made anew when src/ has changed
  --json <file>         where the figures go, data/bench.json by default (--quick: nowhere)`;

/** How much of everything a run does. */
export interface Sizes {
  rounds: number;
  /** Of load a side and round. */
  seconds: number;
  /** V8 optimizes what has run often: after 2 s of load a lone sender's first rounds cost a third more than later ones. */
  warmSeconds: number;
  /** Doctors who send, with four sessions each. */
  doctors: number;
  /** Of load in "send", at most. */
  maxMessages: number;
  sendCases: { door: 'rest' | 'socket'; sessions: 'many' | 'hot'; senders: number }[];
  pacedRate: number;
  pacedSeconds: number;
  fanout: { rooms: number; sockets: number }[];
  idleSockets: number;
  /** Messages in the table: few and many. */
  tables: [small: number, large: number];
  listSessions: number;
}

export interface BenchOptions {
  quick: boolean;
  only: readonly ScenarioName[];
  /** undefined: as the scenarios say. */
  databases: readonly DatabaseName[] | undefined;
  as: 'users' | 'backend';
  profile: boolean;
  door: 'rest' | 'socket';
  dist: string | undefined;
  json: string | undefined;
  sizes: Sizes;
}

const FULL: Sizes = {
  rounds: 5,
  seconds: 5,
  warmSeconds: 10,
  doctors: 64,
  maxMessages: 200_000,
  sendCases: [
    { door: 'rest', sessions: 'many', senders: 64 },
    { door: 'rest', sessions: 'hot', senders: 64 },
    { door: 'rest', sessions: 'many', senders: 16 },
    { door: 'rest', sessions: 'many', senders: 1 },
    { door: 'socket', sessions: 'many', senders: 64 },
    { door: 'socket', sessions: 'hot', senders: 64 },
    { door: 'socket', sessions: 'many', senders: 16 },
    { door: 'socket', sessions: 'many', senders: 1 },
  ],
  pacedRate: 500,
  pacedSeconds: 10,
  fanout: [
    { rooms: 1, sockets: 1000 },
    { rooms: 100, sockets: 10 },
  ],
  idleSockets: 10_000,
  tables: [10_000, 1_000_000],
  listSessions: 500,
};

const QUICK: Sizes = {
  rounds: 1,
  seconds: 0.3,
  warmSeconds: 0,
  doctors: 16,
  maxMessages: 1_000,
  sendCases: [
    { door: 'rest', sessions: 'many', senders: 16 },
    { door: 'rest', sessions: 'hot', senders: 16 },
    { door: 'socket', sessions: 'many', senders: 16 },
    { door: 'socket', sessions: 'hot', senders: 16 },
  ],
  pacedRate: 100,
  pacedSeconds: 1,
  fanout: [
    { rooms: 1, sockets: 50 },
    { rooms: 5, sockets: 10 },
  ],
  idleSockets: 100,
  tables: [1_000, 5_000],
  listSessions: 30,
};

function listed<T extends string>(
  name: string,
  given: string | undefined,
  accepted: readonly T[],
): T[] | undefined {
  const items = given?.split(',');
  const wrong = items?.find((item) => !(accepted as readonly string[]).includes(item));
  if (wrong !== undefined) throw new Error(`--${name} accepts ${accepted.join(', ')}, not ${wrong}`);
  return items as T[] | undefined;
}

function positive(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!(value > 0 && value <= 100)) throw new Error(`--${name} accepts a number above 0, at most 100`);
  return value;
}

/** The options of a command line. @throws Error with a sentence for whoever typed it; undefined: it asks for help */
export function readOptions(args: string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      database: { type: 'string' },
      cases: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      as: { type: 'string' },
      profile: { type: 'boolean', default: false },
      door: { type: 'string' },
      dist: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const base = quick ? QUICK : FULL;
  const names = base.sendCases.map(({ door, senders, sessions }) => `${door}-${senders}-${sessions}`);
  const cases = listed('cases', values.cases, names) ?? names;
  return {
    quick,
    only: listed('only', values.only, SCENARIOS) ?? SCENARIOS,
    databases: listed('database', values.database, DATABASES),
    as: listed('as', values.as, ['users', 'backend'])?.[0] ?? 'users',
    profile: values.profile,
    door: listed('door', values.door, ['rest', 'socket'])?.[0] ?? 'rest',
    dist: values.dist,
    json: values.json ?? (quick || values.profile ? undefined : 'data/bench.json'),
    sizes: {
      ...base,
      sendCases: base.sendCases.filter((_case, index) => cases.includes(names[index] ?? '')),
      rounds: Math.ceil(positive('rounds', values.rounds) ?? base.rounds),
      seconds: positive('seconds', values.seconds) ?? base.seconds,
    },
  };
}
