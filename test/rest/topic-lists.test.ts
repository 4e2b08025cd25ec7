import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { type Topic, topicSteps } from './topic-steps';

eachDatabase('Lists of topics', (database) => {
  let api: Api;
  /** Eight topics, oldest first, by what they are about. */
  let topics: Topic[];
  let sessions: string[];
  const { started, end } = topicSteps(() => api);

  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
    sessions = [
      await api.session(1, 'D1', 'P1'),
      await api.session(1, 'D1', 'P2'),
      await api.session(1, 'D2', 'P2'),
    ];
    topics = [];
    // Session, whether a doctor replies, whether it ends, type.
    for (const [session, reply, ended, type] of [
      [0, true, true, 0],
      [0, false, true, 1],
      [0, false, true, 0],
      [1, true, true, 2],
      [1, false, false, -3],
      [0, true, false, 0],
      [2, false, true, 0],
      [2, false, false, 1],
    ] as const) {
      const id = sessions[session]!;
      const [doctor, patient] = [session === 2 ? 'D2' : 'D1', session === 0 ? 'P1' : 'P2'];
      const topic = await started(patient, id, { type });
      if (reply) await api.server.send(id, doctor, '您好');
      if (ended) (await end(doctor, id, topic.id)).status.should.equal(200);
      topics.push(topic);
    }
    // A second apart, so that times can be asked for.
    for (const [index, topic] of topics.entries()) {
      await api.server.context.database.kysely
        .updateTable('topics')
        .set({ create_time: `2026-11-22 08:00:0${index}.500` })
        .where('id', '=', topic.id)
        .execute();
    }
  });
  after(() => api.stop());

  async function paged(caller: string, query: string, limit = 200): Promise<number[]> {
    const found: number[] = [];
    let next: string | null = '';
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const { body, status } = await api.get(caller, `/sessions/topics?${query}&limit=${limit}${cursor}`);
      status.should.equal(200, JSON.stringify(body));
      const items = body.items as Topic[];
      found.push(...items.map(({ id }) => topics.findIndex((topic) => topic.id === id)));
      next = body.next as string | null;
      if (next !== null) items.length.should.equal(limit);
    }
    return found;
  }

  const time = (second: number, millisecond = 500) => `2026-11-22T08:00:0${second}.${millisecond}Z`;
  const CASES: { title: string; caller?: string; query: string; found: number[] }[] = [
    { title: 'the backend: all', query: '', found: [7, 6, 5, 4, 3, 2, 1, 0] },
    { title: 'the backend for a user', query: 'user_id=P2', found: [7, 6, 4, 3] },
    { title: 'a user: of its own sessions', caller: 'D1', query: '', found: [5, 4, 3, 2, 1, 0] },
    { title: 'a patient', caller: 'P1', query: 'user_id=P1', found: [5, 2, 1, 0] },
    { title: 'open ones', caller: 'D1', query: 'status=0', found: [5, 4] },
    { title: 'ended ones', caller: 'D1', query: 'status=10', found: [3, 2, 1, 0] },
    { title: 'replied ones', caller: 'D1', query: 'reply=1', found: [5, 3, 0] },
    { title: 'ended without a reply', query: 'status=10&reply=0', found: [6, 2, 1] },
    { title: 'of a type', query: 'type=1', found: [7, 1] },
    { title: 'of a type below zero', query: 'type=-3', found: [4] },
    { title: 'from: its moment belongs to it', query: `from=${time(6)}`, found: [7, 6] },
    { title: 'to: its moment does not', query: `to=${time(2)}`, found: [1, 0] },
    { title: 'from and to', query: `from=${time(2)}&to=${time(4)}`, found: [3, 2] },
    { title: 'a millisecond later', query: `from=${time(2, 501)}&to=${time(4, 501)}`, found: [4, 3] },
    {
      title: 'finer than a millisecond',
      query: 'from=2026-11-22T08:00:02.50001Z&to=2026-11-22T08:00:04.5000001Z',
      found: [4, 3],
    },
    {
      title: 'finer, but whole',
      query: 'from=2026-11-22T08:00:02.50000Z&to=2026-11-22T08:00:04.500000Z',
      found: [3, 2],
    },
    { title: 'with an offset', query: 'from=2026-11-22T16:00:06.5%2B08:00', found: [7, 6] },
    { title: 'with an offset, not encoded', query: 'from=2026-11-22T16:00:06.5+08:00', found: [7, 6] },
    {
      title: 'from the beginning of time to its end',
      query: 'from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59-23:59',
      found: [7, 6, 5, 4, 3, 2, 1, 0],
    },
    { title: 'from the end of time', query: 'from=9999-12-31T23:59:59.999-12:00', found: [] },
    { title: 'to before it began', query: 'to=0000-01-01T00:00:00%2B23:59', found: [] },
    {
      title: 'of every kind at once',
      caller: 'D1',
      query: `user_id=D1&status=10&reply=0&type=0&from=${time(0)}&to=${time(9)}`,
      found: [2],
    },
  ];
  for (const { title, caller = 'backend', query, found } of CASES) {
    it(title, async () => {
      (await paged(caller, query)).should.eql(found);
      (await paged(caller, query, 1)).should.eql(found);
      (await paged(caller, query, 3)).should.eql(found);
    });
  }

  it('of a session', async () => {
    (await paged('backend', `session_id=${sessions[0]!}`)).should.eql([5, 2, 1, 0]);
    (await paged('D1', `session_id=${sessions[1]!}&status=0`)).should.eql([4]);
    (await paged('backend', `session_id=${sessions[1]!}&user_id=P2`)).should.eql([4, 3]);
    for (const [caller, query] of [
      ['D1', `session_id=${sessions[2]!}`],
      ['backend', `session_id=${sessions[2]!}&user_id=D1`],
      ['backend', 'session_id=unknown'],
      ['backend', 'user_id=X1'],
    ] as const) {
      (await api.get(caller, `/sessions/topics?${query}`)).status.should.equal(404);
    }
  });

  it('topics of one moment page by their ids', async () => {
    const db = api.server.context.database.kysely;
    const ids = topics.slice(0, 3).map(({ id }) => id);
    await db
      .updateTable('topics')
      .set({ create_time: '2026-11-22 08:00:00.500' })
      .where('id', 'in', ids)
      .execute();
    const whole = await paged('backend', `to=${time(3)}`);
    whole.toSorted().should.eql([0, 1, 2]);
    (await paged('backend', `to=${time(3)}`, 1)).should.eql(whole);
    for (const [index, id] of ids.entries()) {
      await db
        .updateTable('topics')
        .set({ create_time: `2026-11-22 08:00:0${index}.500` })
        .where('id', '=', id)
        .execute();
    }
  });

  const COUNTS: [
    title: string,
    caller: string,
    query: string,
    counts: [fresh: number, replied: number, endedUnreplied: number, endedReplied: number],
  ][] = [
    ['a doctor', 'D1', '', [1, 1, 2, 2]],
    ['a patient', 'P1', '', [0, 1, 2, 1]],
    ['by the backend', 'backend', 'user_id=P2', [2, 0, 1, 1]],
    ['from', 'D1', `from=${time(3)}`, [1, 1, 0, 1]],
    ['to', 'D1', `to=${time(1)}`, [0, 0, 0, 1]],
    ['from and to', 'D1', `from=${time(1)}&to=${time(5)}`, [1, 0, 2, 1]],
  ];
  for (const [title, caller, query, [fresh, replied, endedUnreplied, endedReplied]] of COUNTS) {
    it(`counts of ${title}; what ended without a reply is not unreplied`, async () => {
      const { body } = await api.get(caller, `/sessions/topics/count/reply?${query}`);
      should(body).eql({
        new: fresh,
        replied,
        ended_unreplied: endedUnreplied,
        ended_replied: endedReplied,
        unreplied: fresh,
      });
    });
  }
});
