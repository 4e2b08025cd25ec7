import should from 'should';
import { toIso } from '../../src/db/time';
import { type TopicStatistics } from '../../src/model/topic-statistics';
import { APP_KEY } from '../support/server';
import { eachDatabase } from '../support/databases';
import { Api, type Case, runCases } from './api';
import { topicSteps } from './topic-steps';

/** Topics as the database has them: those of s1 are D1's and P1's, of s2 D1's and P2's, of s3 D1's and D2's. */
const TOPICS = [
  // Session, create_time, reply_time, reply, status, type.
  ['s1', '2026-11-21 08:59:59.999', '2026-11-21 09:00:00.000', 1, 10, 0],
  ['s1', '2026-11-21 09:00:00.000', '2026-11-21 09:00:00.000', 1, 10, 0],
  ['s1', '2026-11-21 09:00:00.001', '2026-11-21 10:00:00.000', 1, 10, 3],
  ['s1', '2026-11-21 09:00:00.000', '2026-11-21 10:00:00.000', 1, 10, 3],
  ['s2', '2026-11-21 15:59:00.000', '2026-11-21 15:59:59.999', 1, 10, 0],
  ['s2', '2026-11-21 15:59:00.000', '2026-11-21 16:00:00.000', 1, 10, 0],
  ['s2', '2026-11-21 16:00:00.000', '2026-11-22 15:59:59.999', 1, 10, 0],
  ['s2', '2026-11-21 16:00:00.000', '2026-11-22 16:00:00.000', 1, 10, -7],
  ['s2', '2026-11-22 00:00:00.000', null, 1, 10, 0],
  ['s2', '2026-11-22 00:00:00.000', null, 0, 10, 0],
  ['s2', '2026-11-22 00:00:00.000', null, 0, 0, 0],
  ['s3', '2026-11-22 00:00:00.000', '2026-11-22 00:00:01.234', 1, 0, 0],
  ['s3', '2026-11-22 00:00:00.000', null, 0, 10, 3],
] as const;
const EMPTY: TopicStatistics = {
  started: 0,
  replied: 0,
  ended_unreplied: 0,
  waiting: 0,
  replied_within: { '3600': 0, '86400': 0 },
  first_reply_seconds: null,
  replies_by_hour: Array.from({ length: 24 }, () => 0),
};

/** The same figures, by the contract's words. */
function expected(topics: readonly (typeof TOPICS)[number][]): TopicStatistics {
  const waited = topics
    .flatMap(([, from, to]) => (to === null ? [] : Date.parse(toIso(to)) - Date.parse(toIso(from))))
    .sort((a, b) => a - b);
  const hours = Array.from({ length: 24 }, () => 0);
  for (const [, , to] of topics)
    if (to !== null) hours[new Date(Date.parse(toIso(to)) + 8 * 3_600_000).getUTCHours()]! += 1;
  const count = (matches: (topic: (typeof TOPICS)[number]) => boolean) => topics.filter(matches).length;
  const rank = (tenths: number) => waited[Math.ceil((tenths * waited.length) / 10) - 1]! / 1000;
  const mean = waited.reduce((sum, each) => sum + each, 0) / waited.length;
  return {
    started: topics.length,
    replied: count(([, , , reply]) => reply === 1),
    ended_unreplied: count(([, , , reply, status]) => reply === 0 && status === 10),
    waiting: count(([, , , reply, status]) => reply === 0 && status === 0),
    replied_within: {
      '3600': waited.filter((each) => each < 3_600_000).length,
      '86400': waited.filter((each) => each < 86_400_000).length,
    },
    first_reply_seconds:
      waited.length === 0 ? null : { mean: Math.round(mean) / 1000, p50: rank(5), p90: rank(9) },
    replies_by_hour: hours,
  };
}

eachDatabase('Statistics of topics', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'D3', 'P1', 'P2');
    await api.server.session('s1', 1, 'D1', 'P1');
    await api.server.session('s2', 1, 'D1', 'P2');
    await api.server.session('s3', 3, 'D1', 'D2');
    await api.server.context.database.kysely
      .insertInto('topics')
      .values(
        TOPICS.map(([session, create, replied, reply, status, type], index) => ({
          id: `t${index}`,
          session_id: session,
          name: '咨询',
          type,
          status,
          reply,
          reply_time: replied,
          create_time: create,
          start_message_id: 1,
          open_session_id: status === 0 ? session : null,
        })),
      )
      .execute();
  });
  after(() => api.stop());

  const statistics = async (caller: string, query = '') => {
    const { body, status } = await api.get(caller, `/sessions/topics/statistics?${query}`);
    status.should.equal(200, JSON.stringify(body));
    return body as TopicStatistics;
  };
  const inSession = (...ids: string[]) => TOPICS.filter(([session]) => ids.includes(session));

  const QUERIES: [by: string, query: string, topics: readonly (typeof TOPICS)[number][]][] = [
    ['backend', '', TOPICS],
    ['backend', 'user_id=D1', TOPICS],
    ['D1', '', TOPICS],
    ['P1', 'user_id=P1', inSession('s1')],
    ['D2', '', inSession('s3')],
    ['backend', 'user_id=D3', []],
    ['backend', 'session_id=s2', inSession('s2')],
    ['D1', 'session_id=s2', inSession('s2')],
    ['backend', 'type=3', inSession('s3')],
    ['backend', 'type=1', inSession('s1', 's2')],
    ['backend', 'type=2', []],
    ['backend', 'business_type=1', inSession('s3')],
    ['backend', 'business_type=2&type=1', inSession('s1', 's2')],
    ['backend', 'business_type=2&type=3', []],
    ['backend', 'from=2026-11-21T09:00:00Z&to=2026-11-21T16:00:00Z', TOPICS.slice(1, 6)],
    ['backend', 'from=2026-11-21T17:00:00.001%2B08:00&to=2026-11-21T17:00:00.002%2B08:00', [TOPICS[2]]],
    ['backend', 'from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z', []],
    ['backend', 'to=2026-11-21T08:59:59.999Z', []],
    ['D1', 'from=2026-11-22T00:00:00Z&session_id=s2', inSession('s2').slice(4)],
  ];
  for (const [by, query, topics] of QUERIES) {
    it(`${by} ${query}: ${topics.length} topics`, async () => {
      should(await statistics(by, query)).eql(topics.length === 0 ? EMPTY : expected(topics));
    });
  }

  it('is of the sessions in which the user takes part now', async () => {
    await api.server.session('s4', 3, 'D1', 'D2', 'D3');
    await topicSteps(() => api).started('D1', 's4');
    should((await statistics('D3')).waiting).equal(1);
    await api.delete('backend', '/sessions/s4/participants/D3');
    should(await statistics('D3')).eql(EMPTY);
    should((await statistics('D1', 'session_id=s4')).waiting).equal(1);
  });

  it('percentiles are by nearest rank, for every number of topics', async () => {
    const db = api.server.context.database.kysely;
    await api.server.session('ranks', 3, 'D1');
    for (let number = 1; number <= 21; number += 1) {
      await db
        .insertInto('topics')
        .values({
          id: `rank-${number}`,
          session_id: 'ranks',
          name: '咨询',
          reply: 1,
          create_time: '2026-01-01 00:00:00.000',
          reply_time: `2026-01-01 00:00:${String(number).padStart(2, '0')}.001`,
          start_message_id: 1,
          open_session_id: null,
        })
        .execute();
      const { first_reply_seconds: seconds } = await statistics('backend', 'session_id=ranks');
      const rank = (tenths: number) => Math.ceil((tenths * number) / 10) + 0.001;
      should(seconds).eql({ mean: (number + 1) / 2 + 0.001, p50: rank(5), p90: rank(9) });
    }
  });

  it('the metrics know how many wait, and how long replies took', async () => {
    const metrics = async () => {
      const response = await fetch(`${api.server.url}/metrics`, { headers: { 'X-IM-App-Key': APP_KEY } });
      const text = await response.text();
      const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
      return [value('im_topics_waiting'), value('im_first_reply_seconds_count')] as const;
    };
    const [waiting, replies] = await metrics();
    const [first, second] = [await api.session(1, 'D1', 'P1'), await api.session(1, 'D1', 'P1')];
    const { started } = topicSteps(() => api);
    const topic = await started('P1', first);
    await started('P1', second, { messages: [{ sender_id: 'P1', type: 1, content: '问' }] });
    should(await metrics()).eql([waiting + 2, replies]);
    await api.server.send(first, 'D1', '答');
    await api.server.send(first, 'D1', '再答');
    should((await metrics())[0]).equal(waiting + 1);
    await api.put('backend', `/sessions/topics/${topic.id}`, { reply: 1 });
    await started('backend', await api.session(1, 'D1', 'P1'), {
      messages: [{ sender_id: 'D1', type: 1, content: '您好' }],
    });
    should((await metrics())[1]).equal(replies + 2);
  });

  const REFUSALS: Case[] = [
    ...(
      [
        ['from=2026-11-22T00:00:00.001Z&to=2026-11-22T00:00:00Z', 'to'],
        [
          'from=2026-11-22T00:00:00.001Z&to=2026-11-22T00:00:00Z&type=x&business_type=3',
          'to',
          'type',
          'business_type',
        ],
        ['from=yesterday&to=2026-11-22T00:00:00Z', 'from'],
        ['from=2026-11-22T00:00:00Z&to=', 'to'],
        ['user_id=a%20b', 'user_id'],
        ['session_id=recent', 'session_id'],
        ['type=4', 'type'],
      ] as const
    ).map(([query, ...faults]): Case => {
      const request = ['GET', `/sessions/topics/statistics?${query}`] as const;
      return { title: query, request, status: 400, code: 'validation_failed', faults };
    }),
    {
      title: "a user asks about another's",
      by: 'P1',
      request: ['GET', '/sessions/topics/statistics?user_id=D1'],
      status: 403,
      code: 'forbidden',
    },
    {
      title: 'an unknown user',
      request: ['GET', '/sessions/topics/statistics?user_id=nobody'],
      status: 404,
      code: 'not_found',
    },
    {
      title: 'a session that one is not in',
      by: 'P1',
      request: ['GET', '/sessions/topics/statistics?session_id=s2'],
      status: 404,
      code: 'not_found',
    },
    {
      title: 'a session that the user named is not in',
      request: ['GET', '/sessions/topics/statistics?session_id=s2&user_id=P1'],
      status: 404,
      code: 'not_found',
    },
    {
      title: 'nobody',
      by: 'nobody',
      request: ['GET', '/sessions/topics/statistics'],
      status: 401,
      code: 'unauthenticated',
    },
    {
      title: 'its name is no topic',
      request: ['PUT', '/sessions/topics/statistics', { name: 'x' }],
      status: 405,
      code: 'method_not_allowed',
    },
    {
      title: 'no topic takes its name',
      request: ['POST', '/sessions/statistics/topics', { session_id: 's1', name: 'x' }],
      status: 404,
      code: 'not_found',
    },
  ];
  runCases(() => api, REFUSALS);
});
