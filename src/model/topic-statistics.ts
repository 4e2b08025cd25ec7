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
  const sum = (count: (group: Group) => number) =>
    groups.reduce((total, group) => total + Number(count(group)), 0);
  const countOf = (status: number | undefined, reply: number) =>
    sum((group) =>
      group.reply === reply && (status === undefined || group.status === status) ? group.topics : 0,
    );
  return {
    started: sum(({ topics }) => topics),
    replied: countOf(undefined, 1),
    ended_unreplied: countOf(TOPIC_STATUS.ended, 0),
    waiting: countOf(TOPIC_STATUS.open, 0),
    replied_within: {
      '3600': sum(({ within_hour: topics }) => topics),
      '86400': sum(({ within_day: topics }) => topics),
    },
    first_reply_seconds: await firstReplySeconds(db, dialect, filter),
    replies_by_hour: Array.from({ length: 24 }, (_, hour) =>
      sum((group) =>
        group.hour !== null && (Number(group.hour) + SHANGHAI_HOURS) % 24 === hour ? group.topics : 0,
      ),
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
    ])
    .groupBy(['topics.status', 'topics.reply', hour])
    .execute();
}

/** Mean and percentiles by nearest rank: the p-th is the value at place ⌈p/100 · n⌉ of n in their order. */
async function firstReplySeconds(
  db: Queryable,
  dialect: Dialect,
  filter: TopicFilter,
): Promise<TopicStatistics['first_reply_seconds']> {
  const waited = waitedMs(dialect);
  const placed = filteredTopics(db, filter)
    .where('topics.reply_time', 'is not', null)
    .select([
      waited.as('ms'),
      sql<number>`row_number() over (order by ${waited})`.as('place'),
      sql<number>`count(*) over ()`.as('number'),
    ]);
  // place = ⌈percent/100 · number⌉, in whole numbers.
  const at = (percent: number) => sql<
    number | null
  >`max(case when 100 * place >= ${sql.lit(percent)} * number and 100 * (place - 1) < ${sql.lit(percent)} * number
      then ms end)`;
  const row = await db
    .selectFrom(placed.as('placed'))
    .select([sql<number | null>`avg(ms)`.as('mean'), at(50).as('p50'), at(90).as('p90')])
    .executeTakeFirstOrThrow();
  if (row.mean === null || row.p50 === null || row.p90 === null) return null;
  return { mean: seconds(row.mean), p50: seconds(row.p50), p90: seconds(row.p90) };
}

/** ms that a topic waited for its first reply; null where nobody knows. */
function waitedMs(dialect: Dialect) {
  return sql<number>`${sql.raw(dialect.millisecondsBetween('topics.create_time', 'topics.reply_time'))}`;
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
