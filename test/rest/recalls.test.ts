import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

eachDatabase('Taking back', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());
  beforeEach(async () => {
    session = await api.session(1, 'D1', 'P1');
  });

  const path = (id: number | string) => `/sessions/${session}/messages/${id}`;
  const recall = (by: string, id: number, query = '') => api.delete(by, `${path(id)}${query}`);

  it('leaves the message without its content, wherever it is shown', async () => {
    const topic = api.fresh('t');
    await api.post('D1', `/sessions/${topic}/topics`, { session_id: session, name: '血压' });
    const sent = await api.server.send(session, 'D1', '发错人了');
    const taken = await recall('D1', sent.id);
    taken.status.should.equal(200);
    should(taken.body).eql({ ...sent, content: null, recalled: taken.body.recalled });
    taken.body.recalled.by.should.equal('D1');
    (taken.body.recalled.time as string).should.match(/^\d{4}-\d\d-\d\dT.*Z$/);
    const shown = [
      (await api.get('P1', path(sent.id))).body,
      (await api.get('backend', `/sessions/${session}/messages?peek=1`)).body.items.at(-1),
      (await api.get('P1', `/sessions/${session}/messages/unread`)).body.items.at(-1),
      (await api.get('D1', `/sessions/topic/${topic}/messages`)).body.items.at(-1),
    ];
    for (const each of shown) should(each).eql(taken.body);
    const listed = (await api.get('P1', '/sessions')).body.items[0];
    should(listed).containEql({
      last_content: null,
      last_content_type: 1,
      last_sender_id: 'D1',
      last_message_time: sent.timestamp,
      unread_count: 2,
    });
    (await api.server.send(session, 'P1', '哦')).id.should.be.above(sent.id);
    should((await api.get('D1', `/sessions/${session}/session`)).body.last_content).equal('哦');
  });

  it('of an older message changes nothing of the session', async () => {
    const first = await api.server.send(session, 'D1', '一');
    await api.server.send(session, 'D1', '二');
    await recall('D1', first.id);
    should((await api.get('D1', `/sessions/${session}/session`)).body.last_content).equal('二');
    // A first reply stays one.
    const answer = await api.post('backend', `/sessions/${api.fresh('t')}/topics`, {
      session_id: session,
      user_id: 'P1',
      name: '血压',
    });
    const reply = await api.server.send(session, 'D1', '您好');
    await recall('D1', reply.id);
    should((await api.get('D1', `/sessions/topics/${String(answer.body.id)}`)).body.reply).equal(1);
  });

  it('again, by whoever may, also later, changes nothing', async () => {
    const sent = await api.server.send(session, 'D1', '发错人了');
    const taken = await recall('D1', sent.id);
    for (const again of [await recall('D1', sent.id), await recall('backend', sent.id, '?user_id=P1')])
      should([again.status, again.body]).eql([200, taken.body]);
    (await recall('P1', sent.id)).status.should.equal(403);
    const listed = await api.get('P1', `/sessions/${session}/recalls`);
    should(listed.body).eql({
      items: [{ id: 1, message_id: sent.id, recalled: taken.body.recalled }],
      more: false,
    });
  });

  it('by the backend is as the user whom it names, or as the platform', async () => {
    const [first, second] = [
      await api.server.send(session, 'P1', '一'),
      await api.server.send(session, 'P1', '二'),
    ];
    should((await recall('backend', first.id, '?user_id=D1')).body.recalled.by).equal('D1');
    should((await recall('backend', second.id)).body.recalled.by).equal('system');
    (await recall('backend', second.id, '?user_id=D2')).status.should.equal(404);
    (await recall('backend', second.id, '?user_id=nobody')).status.should.equal(404);
  });

  it('is refused in this order', async () => {
    const other = await api.session(1, 'D1', 'P1');
    const sent = await api.server.send(session, 'P1', '我的');
    const topic = api.fresh('t');
    await api.post('D1', `/sessions/${topic}/topics`, { session_id: session, name: '血压' });
    await api.put('D1', `/sessions/${session}/topics/${topic}/ended`, { message: '再见' });
    const items = (await api.get('backend', `/sessions/${session}/messages?peek=1`)).body.items as {
      id: number;
      type: number;
    }[];
    const ofType = (type: number) => items.find((each) => each.type === type)!.id;
    const elsewhere = await api.server.send(other, 'P1', '别处');
    for (const [by, id, status] of [
      ['D2', sent.id, 404],
      ['D1', sent.id + 1_000_000, 404],
      ['P1', elsewhere.id, 404],
      ['D1', sent.id, 403],
      ['P1', ofType(6), 403],
      ['D1', ofType(6), 409],
      ['backend', ofType(6), 409],
      ['D1', ofType(7), 409],
      ['D1', ofType(10), 409],
    ] as const) {
      const refused = await recall(by, id);
      should([by, id, refused.status]).eql([by, id, status]);
    }
    (await api.delete('D1', `${path(sent.id)}?user_id=P1`)).status.should.equal(403);
    (await api.delete('D1', path('x'))).status.should.equal(404);
    should((await api.get('D1', path(sent.id))).body.content).equal('我的');
  });

  it('counts in each session from 1, and pages', async () => {
    const other = await api.session(1, 'D1', 'P1');
    const ids: number[] = [];
    for (const text of ['一', '二', '三']) ids.push((await api.server.send(session, 'D1', text)).id);
    const elsewhere = await api.server.send(other, 'D1', '别处');
    await api.delete('D1', `/sessions/${other}/messages/${elsewhere.id}`);
    for (const id of [ids[2]!, ids[0]!, ids[1]!]) await recall('D1', id);
    const page = await api.get('P1', `/sessions/${session}/recalls?limit=2`);
    should(page.body.items.map((each: { id: number; message_id: number }) => [each.id, each.message_id])).eql(
      [
        [1, ids[2]],
        [2, ids[0]],
      ],
    );
    should(page.body.more).equal(true);
    const rest = await api.get('backend', `/sessions/${session}/recalls?after=2&user_id=P1`);
    should(rest.body.items.map(({ id }: { id: number }) => id)).eql([3]);
    should((await api.get('D2', `/sessions/${session}/recalls`)).status).equal(404);
    should((await api.get('D1', `/sessions/${other}/recalls`)).body.items[0].id).equal(1);
  });

  it('of two at once happens once', async () => {
    const sent = await api.server.send(session, 'D1', '一');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => recall(n % 2 === 0 ? 'D1' : 'backend', sent.id)),
    );
    for (const answer of answers) should(answer.body).eql(answers[0]!.body);
    should((await api.get('D1', `/sessions/${session}/recalls`)).body.items.length).equal(1);
  });

  it('a repeat of the send answers with what is left', async () => {
    const body = { type: 1, content: '重要', client_msg_id: 'c1' };
    const sent = await api.post('D1', `/sessions/${session}/messages`, body);
    const taken = await recall('D1', sent.body.id as number);
    const again = await api.post('D1', `/sessions/${session}/messages`, body);
    should([again.status, again.body]).eql([200, taken.body]);
  });

  it('ends forwarding, and leaves copies as they are', async () => {
    const sent = await api.server.send(session, 'D1', '转发');
    const forward = () =>
      api.post('D1', `/sessions/${session}/messages`, {
        type: 8,
        content: { session_id: session, message_id: sent.id },
      });
    const copy = await forward();
    await recall('D1', sent.id);
    const refused = await forward();
    should([refused.status, refused.body.errors[0].path]).eql([400, 'content']);
    should((await api.get('P1', path(copy.body.id as number))).body.content.message.content).equal('转发');
  });
});

eachDatabase('The time to take back', (database) => {
  for (const recallMs of database.name === 'sqlite' ? ['0', '1'] : ['1']) {
    it(`is over after ${recallMs} ms for a sender, never for the backend`, async () => {
      const api = await Api.start({ IM_DATABASE_URL: await database.freshUrl(), IM_RECALL_MS: recallMs });
      try {
        await api.server.users('D1', 'P1');
        const session = await api.session(1, 'D1', 'P1');
        const sent = await api.server.send(session, 'D1', '太晚了');
        await new Promise((resolve) => setTimeout(resolve, 10));
        const path = `/sessions/${session}/messages/${sent.id}`;
        should((await api.delete('D1', path)).status).equal(409);
        should((await api.delete('backend', path)).status).equal(200);
        // Whoever might have may ask again, also later.
        should((await api.delete('D1', path)).status).equal(200);
      } finally {
        await api.stop();
      }
    });
  }
});
