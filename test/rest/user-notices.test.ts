import { createHash } from 'node:crypto';
import should from 'should';
import { APP_KEY } from '../support/server';
import { eachDatabase } from '../support/databases';
import { Api, type Case, runCases, runFaulty } from './api';

eachDatabase('Notices to a user', (database) => {
  let api: Api;
  const LONGEST_PLAIN = `P${'x'.repeat(120)}`;
  const LONGER = `P${'x'.repeat(121)}`;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'P1', 'P2', 'P3', 'P4');
    for (const id of [LONGEST_PLAIN, LONGER])
      await api.put('backend', `/users/${id}`, { type: 'patient', name: '长' });
  });
  after(() => api.stop());

  const tell = (user: string, body: object) => api.post('backend', `/users/${user}/notices`, body);
  const messagesOf = async (user: string, session: string) =>
    (await api.get(user, `/sessions/${session}/messages?peek=1`)).body.items as Record<string, unknown>[];

  it("makes the user's own session, and is a message like any other", async () => {
    const { body, status } = await tell('P1', { title: '签约成功', content: '您已签约。' });
    status.should.equal(201);
    should(body).containEql({
      session_id: 'notice:P1',
      sender_id: 'system',
      sender_name: '系统',
      type: 0,
      content: { title: '签约成功', content: '您已签约。' },
      client_msg_id: null,
    });
    should(await messagesOf('P1', 'notice:P1')).eql([body]);
    const { body: session } = await api.get('P1', '/sessions/notice:P1/session');
    should(session).containEql({ type: 0, name: '系统通知', business_type: 2 });
    should((session.participants as { id: string; role: number }[]).map(({ id, role }) => [id, role])).eql([
      ['P1', 0],
    ]);
    should((await api.get('P1', '/application/badge_no')).body.badge_no).equal(1);
    should((await tell('P1', { content: '第二条' })).body.content).eql({ content: '第二条' });
    should((await api.get('P1', '/application/badge_no')).body.badge_no).equal(2);
    should((await tell('D1', { content: '' })).body.session_id).equal('notice:D1');
    should((await api.get('D1', '/sessions/notice:D1/session')).body.business_type).equal(1);
  });

  it('keeps an object as it was written', async () => {
    const text =
      '{"content": {"b": 1, "a": 12345678901234567890, "list":[1.0, {"x":null}]},"title":"\\u6807题","client_msg_id":"w"}';
    const response = await fetch(`${api.server.url}/api/v2/users/P2/notices`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-IM-App-Key': APP_KEY },
      body: text,
    });
    response.status.should.equal(201);
    (await response.text()).should.containEql(
      '"content":{"title":"标题","content":{"b": 1, "a": 12345678901234567890, "list":[1.0, {"x":null}]}},',
    );
  });

  it('the same client_msg_id again is the first message', async () => {
    const first = await tell('P2', { content: '一次', client_msg_id: 'once' });
    first.status.should.equal(201);
    should(first.body.client_msg_id).equal('once');
    const again = await tell('P2', { title: '别的', content: '两次', client_msg_id: 'once' });
    should(again).containEql({ status: 200, body: first.body });
    const other = await tell('P3', { content: '一次', client_msg_id: 'once' });
    other.status.should.equal(201);
  });

  it('two at once make one session', async () => {
    const id = api.fresh('P');
    await api.server.users(id);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => tell(id, { content: `第${index}条` })),
    );
    should(answers.map(({ status }) => status)).eql(Array.from({ length: 8 }, () => 201));
    should((await messagesOf(id, `notice:${id}`)).length).equal(8);
    should((await api.get('backend', `/sessions?user_id=${id}`)).body.items.length).equal(1);
  });

  it('a user who was removed is added again, and has the notice unread', async () => {
    await tell('P4', { content: '第一条' });
    (await api.delete('backend', '/sessions/notice:P4/participants/P4')).status.should.equal(204);
    const { body, status } = await tell('P4', { content: '第二条' });
    status.should.equal(201);
    const unread = (await api.get('P4', '/sessions/notice:P4/messages/unread')).body.items as object[];
    should(unread).eql([body]);
  });

  it('the session of a long id is named by its digest', async () => {
    should((await tell(LONGEST_PLAIN, { content: 'x' })).body.session_id).equal(`notice:${LONGEST_PLAIN}`);
    const digest = createHash('sha256').update(LONGER).digest('hex');
    should((await tell(LONGER, { content: 'x' })).body.session_id).equal(`notice-sha256:${digest}`);
    (await api.get(LONGER, `/sessions/notice-sha256:${digest}/session`)).status.should.equal(200);
  });

  it('reaches sockets, the first one too', async () => {
    const id = api.fresh('D');
    await api.server.users(id);
    const socket = await api.server.socket(id);
    const { body } = await tell(id, { content: '您好' });
    should((await socket.next('participants')).data).containEql({ session_id: `notice:${id}` });
    should((await socket.next('message')).data.message).eql(body);
    await socket.close();
  });

  const participants = [{ id: 'D1' }];
  const reserved = (id: string): Case[] => [
    {
      title: `POST / with ${id}`,
      request: ['POST', '/sessions', { id, type: 0, name: 'x', participants }],
      status: 400,
      code: 'validation_failed',
      faults: ['id'],
    },
    {
      title: `a doctor's POST / with ${id}`,
      by: 'D1',
      request: ['POST', '/sessions', { id, type: 3, name: 'x', participants }],
      status: 400,
      faults: ['id'],
    },
    {
      title: `a topic in ${id}`,
      request: [
        'POST',
        '/sessions/t-reserved/topics',
        { session_id: id, name: 'x', session_name: 'x', session_type: 1, participants },
      ],
      status: 400,
      code: 'validation_failed',
      faults: ['session_id'],
    },
  ];
  const CASES: Case[] = [
    ...['notice:', 'notice:P1', 'notice:nobody', 'notice-sha256:', 'notice-sha256:00'].flatMap(reserved),
    {
      title: 'an id that only begins alike',
      request: ['POST', '/sessions', { id: 'notice-1', type: 0, name: 'x', participants }],
      status: 201,
    },
    {
      title: 'an unknown user',
      request: ['POST', '/users/nobody/notices', { content: 'x' }],
      status: 404,
      code: 'not_found',
    },
    {
      title: 'a user',
      by: 'P1',
      request: ['POST', '/users/P1/notices', { content: 'x' }],
      status: 403,
      code: 'forbidden',
    },
    {
      title: 'a user writes there',
      by: 'P1',
      request: ['POST', '/sessions/notice:P1/messages', { type: 1, content: 'x' }],
      status: 403,
      code: 'forbidden',
    },
    {
      title: 'another user reads there',
      by: 'P2',
      request: ['GET', '/sessions/notice:P1/session'],
      status: 404,
    },
  ];
  runCases(() => api, CASES);

  runFaulty(() => api, 'POST', '/users/P1/notices', [
    ['nothing', {}, 'content'],
    ['a number', { content: 1 }, 'content'],
    ['a list', { content: [] }, 'content'],
    ['null', { content: null }, 'content'],
    ['an empty title', { title: '', content: 'x' }, 'title'],
    ['a long title', { title: '字'.repeat(101), content: 'x' }, 'title'],
    ['several', { title: 1, content: 1, client_msg_id: '' }, 'title', 'content', 'client_msg_id'],
    ['NUL', { content: { a: '\0' } }, 'content.a'],
  ]);
});
