import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

const members = (...ids: string[]) => ids.map((id) => ({ id }));

eachDatabase('Sessions', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'D3', 'P1', 'P2');
    // A doctor makes sessions with patients of its own.
    await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  for (const { title, by, type, who, business } of [
    { title: 'a consultation, by a user', by: 'D1', type: 1, who: ['D1', 'P1'], business: 2 },
    { title: 'a group of doctors', by: 'D1', type: 3, who: ['D1', 'D2'], business: 1 },
    { title: 'a session of one', by: 'D1', type: 3, who: ['D1'], business: 1 },
    { title: 'a system session, by the backend', by: 'backend', type: 0, who: ['P1'], business: 2 },
  ]) {
    it(`makes ${title}`, async () => {
      const id = api.fresh('made');
      const { body, status } = await api.post(by, '/sessions', {
        id,
        type,
        name: '会话 😀',
        participants: members(...who),
        business_type: business,
      });
      status.should.equal(201);
      Date.parse(body.create_date as string).should.be.approximately(Date.now(), 5000);
      const expected = {
        id,
        type,
        name: '会话 😀',
        business_type: business,
        status: 0,
        create_date: body.create_date as string,
        last_sender_id: null,
        last_sender_name: null,
        last_content_type: null,
        last_content: null,
        last_message_time: null,
      };
      should(body).eql(expected);
      const { participants, ...session } = (await api.get('backend', `/sessions/${id}/session`)).body as {
        participants: object[];
      };
      should(session).eql(expected);
      participants.should.eql(
        [...who].sort().map((each) => ({
          id: each,
          type: each.startsWith('P') ? 'patient' : 'doctor',
          name: `${each}的名字`,
          avatar: null,
          role: 0,
          last_fetch_time: body.create_date as string,
        })),
      );
    });
  }

  it('gives an id where none is given, keeps roles, and takes 500 participants', async () => {
    const { body } = await api.post('D1', '/sessions', {
      type: 3,
      name: 'x',
      participants: [
        { id: 'D1', role: 1 },
        { id: 'D2', role: 0 },
      ],
    });
    should(body.id).match(/^[A-Za-z0-9._:@-]{1,128}$/);
    const { participants } = (await api.get('D1', `/sessions/${String(body.id)}/session`)).body as {
      participants: { role: number }[];
    };
    participants.map(({ role }) => role).should.eql([1, 0]);
  });

  it('a user makes no system session, and none without itself', async () => {
    for (const body of [
      { type: 0, name: 'x', participants: members('D1') },
      { type: 1, name: 'x', participants: members('D2', 'P1') },
      { type: 2, name: 'x', participants: members('D2', 'P1') },
    ]) {
      const answer = await api.post('D1', '/sessions', body);
      should([answer.status, answer.body.code]).eql([403, 'forbidden']);
    }
  });

  it('an id in use is a conflict, and ids differ by case', async () => {
    const id = api.fresh('Case');
    await api.server.session(id, 1, 'D1', 'P1');
    for (const type of [1, 3]) {
      const answer = await api.post('backend', '/sessions', {
        id,
        type,
        name: 'x',
        participants: members('D2'),
      });
      should([answer.status, answer.body.code]).eql([409, 'conflict']);
    }
    (
      await api.post('backend', '/sessions', {
        id: id.toLowerCase(),
        type: 3,
        name: 'x',
        participants: members('D2'),
      })
    ).status.should.equal(201);
  });

  it('of thirty makers of one id, one makes it', async () => {
    const body = { id: api.fresh('race'), type: 3, name: 'x', participants: members('D1') };
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => api.post('backend', '/sessions', body)),
    );
    answers
      .map(({ status }) => status)
      .sort()
      .should.eql([201, ...Array<number>(29).fill(409)]);
  });

  it('status: set by hand, and seen', async () => {
    const id = await api.session(1, 'D1', 'P1');
    for (const [by, status] of [
      ['D1', 1],
      ['P1', 0],
      ['backend', 1],
    ] as const) {
      const answer = await api.put(by, `/sessions/${id}/status`, { status });
      should([answer.status, answer.body.status]).eql([200, status]);
      should((await api.get('D1', `/sessions/${id}/session`)).body.status).equal(status);
    }
    (await api.put('backend', '/sessions/unknown/status', { status: 1 })).status.should.equal(404);
  });

  it('shows the latest message, by whoever', async () => {
    const id = await api.session(1, 'D1', 'P1');
    await api.server.send(id, 'P1', '您好');
    const content = { url: 'https://files.example.com/a.jpg' };
    const sent = await api.post('D1', `/sessions/${id}/messages`, { type: 2, content });
    should((await api.get('P1', `/sessions/${id}/session`)).body).containEql({
      last_sender_id: 'D1',
      last_sender_name: 'D1的名字',
      last_content_type: 2,
      last_content: content,
      last_message_time: sent.body.timestamp as string,
    });
  });

  describe('sticky', () => {
    let id: string;
    const sticky = async (user: string) => {
      const { items } = (await api.get(user, '/sessions?limit=200')).body as {
        items: { id: string; sticky: boolean }[];
      };
      return items.find((each) => each.id === id)?.sticky;
    };
    before(async () => {
      id = await api.session(1, 'D1', 'P1');
    });

    it('is of one user alone; twice is as good as once', async () => {
      for (let time = 0; time < 2; time += 1)
        (await api.put('D1', `/sessions/${id}/sticky`)).status.should.equal(204);
      should([await sticky('D1'), await sticky('P1')]).eql([true, false]);
      for (let time = 0; time < 2; time += 1)
        (await api.delete('D1', `/sessions/${id}/sticky`)).status.should.equal(204);
      should(await sticky('D1')).be.false();
    });

    it('the user stands in the body or in the query', async () => {
      for (const [method, path, body, expected] of [
        ['PUT', 'sticky?user_id=P1', undefined, true],
        ['DELETE', 'sticky?user_id=P1', undefined, false],
        ['PUT', 'sticky', { user_id: 'P1' }, true],
        ['DELETE', 'sticky', { user_id: 'P1' }, false],
      ] as const) {
        (await api.call('backend', method, `/sessions/${id}/${path}`, body)).status.should.equal(204);
        should(await sticky('P1')).equal(expected);
      }
      for (const [path, body] of [
        ['sticky?user_id=P1', {}],
        ['sticky', { user_id: 'P1' }],
        ['sticky?user_id=P1', { user_id: 'D1' }],
      ] as const) {
        (await api.put('D1', `/sessions/${id}/${path}`, body)).status.should.equal(403);
      }
      (await api.put('backend', `/sessions/${id}/sticky`, { user_id: 'D2' })).status.should.equal(404);
    });
  });
});
