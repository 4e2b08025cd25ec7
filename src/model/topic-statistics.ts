import { sql } from 'kysely';
import { type Queryable } from '../db/database';
import { type Dialect } from '../db/dialect';
import { TOPIC_STATUS, type TopicFilter, filteredTopics } from './topics';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** China has one time zone and no summer time. */
const SHANGHAI_HOURS = 8;

export interface TopicStatistics {
  started: number;
  replied: number;
  ended_unreplied: number;
  waiting: number;
  replied_within: { '3600': number; '86400': number };
  first_reply_seconds: { mean: number; p50: number; p90: number } | null;
  /** Index: the hour of the first reply in Asia/Shanghai. */
  replies_by_hour: number[];
}

/** How fast topics were answered: two queries, whatever the number of topics; the database does the counting. */
export async function topicStatistics(
  db: Queryable,
  dialect: Dialect,
  filter: TopicFilter,
): Promise<TopicStatistics> {
  const groups = await countGroups(db, dialect, filter);
  const sum = (figure: (group: Group) => number | null) =>
    groups.reduce((total, group) => total + Number(figure(group)), 0);
  const countOf = (matches: (group: Group) => boolean) => sum((group) => (matches(group) ? group.topics : 0));
  const timed = countOf(({ hour }) => hour !== null);
  return {
    started: countOf(() => true),
    replied: countOf(({ reply }) => reply === 1),
    ended_unreplied: countOf(({ reply, status }) => reply === 0 && status === TOPIC_STATUS.ended),
    waiting: countOf(({ reply, status }) => reply === 0 && status === TOPIC_STATUS.open),
    replied_within: {
      '3600': sum(({ within_hour: topics }) => topics),
      '86400': sum(({ within_day: topics }) => topics),
    },
    first_reply_seconds:
      timed === 0
        ? null
        : {
            mean: seconds(sum(({ waited_ms: ms }) => ms) / timed),
            ...(await percentiles(db, dialect, filter, timed)),
          },
    replies_by_hour: Array.from({ length: 24 }, (_, hour) =>
      countOf((group) => group.hour !== null && (Number(group.hour) + SHANGHAI_HOURS) % 24 === hour),
    ),
  };
}

interface Group {
  status: number;
  reply: number;
  /** of `reply_time` in UTC, two digits; null: no reply, or nobody knows when */
  hour: string | null;
  topics: number;
  within_hour: number;
  within_day: number;
  waited_ms: number | null;
}

/** The topics by status, reply and hour of the reply: a hundred groups at most. */
async function countGroups(db: Queryable, dialect: Dialect, filter: TopicFilter): Promise<Group[]> {
  const waited = waitedMs(dialect);
  const hour = sql<string | null>`substr(topics.reply_time, 12, 2)`;
  const within = (ms: number) => sql<number>`sum(case when ${waited} < ${sql.lit(ms)} then 1 else 0 end)`;
  return filteredTopics(db, filter)
    .select((eb) => [
      'topics.status',
      'topics.reply',
      hour.as('hour'),
      eb.fn.countAll<number>().as('topics'),
      within(HOUR_MS).as('within_hour'),
      within(DAY_MS).as('within_day'),
      sql<number | null>`sum(${waited})`.as('waited_ms'),
    ])
    .groupBy(['topics.status', 'topics.reply', hour])
    .execute();
}

/**
 * Percentiles by nearest rank: the p-th is the value at place ⌈p/100 · n⌉ of n in their order.
 * @param number n, as it was counted just before; a reply that was taken back since makes the last place the highest
 */
async function percentiles(db: Queryable, dialect: Dialect, filter: TopicFilter, number: number) {
  const places = [50, 90].map((percent) => Math.ceil((percent * number) / 100));
  const waited = waitedMs(dialect);
  const placed = filteredTopics(db, filter)
    .where('topics.reply_time', 'is not', null)
    .select([waited.as('ms'), sql<number>`row_number() over (order by ${waited})`.as('place')]);
  const rows = await db
    .selectFrom(placed.as('placed'))
    .select(['ms', 'place'])
    .where('place', 'in', places)
    .orderBy('place')
    .execute();
  const [first, last] = [rows[0], rows.at(-1)];
  return { p50: seconds(first?.ms ?? 0), p90: seconds(last?.ms ?? 0) };
}

/** ms that a topic waited for its first reply; null where nobody knows. */
function waitedMs(dialect: Dialect) {
  return sql<number>`${sql.raw(dialect.millisecondsBetween('topics.create_time', 'topics.reply_time'))}`;
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
