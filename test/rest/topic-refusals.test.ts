import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';
import { text, topicSteps } from './topic-steps';

eachDatabase('Topics that are not started', (database) => {
  let api: Api;
  const { start, started, end, messagesOf } = topicSteps(() => api);
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1', 'P2');
  });
  after(() => api.stop());

  const REFUSED: {
    title: string;
    by: string;
    body: (session: string) => object;
    status: number;
    where?: 'open' | 'p2p' | 'none' | 'system';
  }[] = [
    {
      title: 'an open topic there',
      by: 'backend',
      body: (id) => ({ session_id: id }),
      status: 409,
      where: 'open',
    },
    {
      title: 'an open topic there, and a forward of nothing',
      by: 'backend',
      body: (id) => ({
        session_id: id,
        messages: [{ sender_id: 'D1', type: 8, content: { session_id: id, message_id: 999_999 } }],
      }),
      status: 400,
      where: 'open',
    },
    {
      title: 'an open topic, by one who is not in it',
      by: 'P2',
      body: (id) => ({ session_id: id }),
      status: 404,
      where: 'open',
    },
    { title: 'one who is not in it', by: 'D2', body: (id) => ({ session_id: id }), status: 404 },
    {
      title: 'for a user who is not in it',
      by: 'backend',
      body: (id) => ({ session_id: id, user_id: 'D2' }),
      status: 404,
    },
    {
      title: 'for an unknown user',
      by: 'backend',
      body: (id) => ({ session_id: id, user_id: 'X1' }),
      status: 404,
    },
    { title: 'for somebody else', by: 'D1', body: (id) => ({ session_id: id, user_id: 'P1' }), status: 403 },
    {
      title: "with somebody else's message",
      by: 'D1',
      body: (id) => ({ session_id: id, messages: [text('P1')] }),
      status: 403,
    },
    {
      title: "with a user's system message",
      by: 'D1',
      body: (id) => ({ session_id: id, messages: [{ type: 0, content: 'x' }] }),
      status: 403,
    },
    {
      title: 'a user in a system session',
      by: 'D1',
      body: (id) => ({ session_id: id }),
      status: 403,
      where: 'system',
    },
    {
      title: 'a third in a p2p session',
      by: 'D1',
      body: (id) => ({ session_id: id, participants: [{ id: 'P1' }] }),
      status: 409,
      where: 'p2p',
    },
    {
      title: 'no session and nothing to make it of',
      by: 'backend',
      body: () => ({ session_id: 'unknown' }),
      status: 404,
      where: 'none',
    },
    {
      title: 'no participants',
      by: 'backend',
      body: () => ({ session_id: 'unknown', session_name: 'x', session_type: 1, participants: [] }),
      status: 404,
      where: 'none',
    },
    {
      title: 'a new session without oneself',
      by: 'D1',
      body: () => ({
        session_id: 'unknown',
        session_name: 'x',
        session_type: 1,
        participants: [{ id: 'P1' }],
      }),
      status: 403,
      where: 'none',
    },
    {
      title: 'a new system session by a user',
      by: 'D1',
      body: () => ({
        session_id: 'unknown',
        session_name: 'x',
        session_type: 0,
        participants: [{ id: 'D1' }],
      }),
      status: 403,
      where: 'none',
    },
    {
      title: 'a new p2p session of three',
      by: 'D1',
      body: () => ({
        session_id: 'unknown',
        session_name: 'x',
        session_type: 2,
        participants: [{ id: 'D1' }, { id: 'D2' }, { id: 'P1' }],
      }),
      status: 400,
      where: 'none',
    },
    {
      title: 'a second p2p session of a pair',
      by: 'D1',
      body: () => ({
        session_id: 'unknown',
        session_name: 'x',
        session_type: 2,
        participants: [{ id: 'D1' }, { id: 'D2' }],
      }),
      status: 409,
      where: 'p2p',
    },
    {
      title: 'a new session with the unknown',
      by: 'D1',
      body: () => ({
        session_id: 'unknown',
        session_name: 'x',
        session_type: 1,
        participants: [{ id: 'D1' }, { id: 'X1' }],
      }),
      status: 400,
      where: 'none',
    },
  ];
  for (const { title, by, body, status, where } of REFUSED) {
    it(`refused: ${title} → ${status}, and nothing is left`, async () => {
      let session: string;
      if (where === 'p2p') {
        session = (
          await api.post('backend', '/sessions', {
            type: 2,
            name: 'x',
            participants: [{ id: 'D1' }, { id: 'D2' }],
          })
        ).body.id as string;
      } else session = await api.session(where === 'system' ? 0 : 1, 'D1', 'P1');
      if (where === 'open') await started('backend', session);
      const before = await messagesOf(session);
      const topic = api.fresh('t');
      const answer = await start(by, topic, body(session));
      answer.status.should.equal(status, JSON.stringify(answer.body));
      should(await messagesOf(session)).eql(before);
      (await api.get('backend', `/sessions/topics/${topic}`)).status.should.equal(404);
      (await api.get('backend', '/sessions/unknown/session')).status.should.equal(404);
    });
  }

  it('all or nothing: a bad message leaves no topic, no session, no participant, no message', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const bad = [
      { messages: [text('P1'), text('D2')] },
      {
        messages: [
          text('P1'),
          { sender_id: 'P1', type: 8, content: { session_id: session, message_id: 999999 } },
        ],
        participants: [{ id: 'D2' }],
      },
      { messages: [text('P1'), text(undefined)], participants: [{ id: 'D2' }] },
    ];
    for (const body of bad) {
      const topic = api.fresh('t');
      (await start('backend', topic, { session_id: session, ...body })).status.should.equal(400);
      (await api.get('backend', `/sessions/topics/${topic}`)).status.should.equal(404);
      const made = {
        session_id: api.fresh('made'),
        session_name: 'x',
        session_type: 1,
        ...body,
        participants: [{ id: 'D1' }, { id: 'P1' }],
      };
      (await start('backend', topic, made)).status.should.equal(400);
      (await api.get('backend', `/sessions/${made.session_id}/session`)).status.should.equal(404);
    }
    should(await messagesOf(session)).eql([]);
    should((await api.get('D1', `/sessions/${session}/session`)).body).containEql({
      status: 0,
      last_content: null,
    });
    should((await api.get('D1', `/sessions/${session}/participants`)).body.items.length).equal(2);
  });

  it('a used id is a conflict, wherever it was used, also when that topic has ended', async () => {
    const [first, second] = [await api.session(1, 'D1', 'P1'), await api.session(1, 'D1', 'P1')];
    const topic = await started('D1', first);
    for (const round of [1, 2]) {
      const answer = await start('D1', topic.id, { session_id: second });
      should([answer.status, answer.body.code]).eql([409, 'conflict'], `${round}`);
      await end('D1', first, topic.id);
    }
    should(await messagesOf(second)).eql([]);
  });
});
