import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

const members = (...ids: string[]) => ids.map((id) => ({ id }));

eachDatabase('P2p sessions', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'D3', 'P1', 'P2');
    // A doctor writes to patients of its own.
    await api.session(1, 'D1', 'P2');
  });
  after(() => api.stop());

  it('two have one session, in whatever order, id and name they ask for it', async () => {
    const first = await api.post('D1', '/sessions', {
      id: 'pair-1',
      type: 2,
      name: 'x',
      participants: members('D1', 'P2'),
    });
    first.status.should.equal(201);
    for (const [by, body] of [
      ['D1', { id: 'pair-2', type: 2, name: 'y', participants: members('P2', 'D1') }],
      ['backend', { type: 2, name: 'z', participants: members('D1', 'P2') }],
      ['backend', { id: 'pair-1', type: 2, name: 'z', participants: members('D1', 'P2') }],
    ] as const) {
      const again = await api.post(by, '/sessions', body);
      should([again.status, again.body]).eql([200, first.body]);
    }
    (await api.get('backend', '/sessions/pair-2/session')).status.should.equal(404);
  });

  it('an id in use is a conflict for a pair that has none yet', async () => {
    const answer = await api.post('backend', '/sessions', {
      id: 'pair-1',
      type: 2,
      name: 'x',
      participants: members('D2', 'P2'),
    });
    answer.status.should.equal(409);
  });

  it('thirty at once make one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        api.post('backend', '/sessions', {
          id: api.fresh('race'),
          type: 2,
          name: `x${index}`,
          participants: index % 2 === 0 ? members('D2', 'D3') : members('D3', 'D2'),
        }),
      ),
    );
    answers
      .map(({ status }) => status)
      .sort()
      .should.eql([...Array<number>(29).fill(200), 201]);
    new Set(answers.map(({ body }) => body.id as string)).size.should.equal(1);
    const { body } = await api.get('D3', '/sessions?type=2');
    should(body.items.length).equal(1);
  });

  it('its participants do not change: conflict', async () => {
    for (const [method, path, body] of [
      ['POST', 'participants', { participants: members('D2') }],
      ['PUT', 'participant/update', { add: members('D2') }],
      ['PUT', 'participant/update', { remove: ['P2'] }],
      ['PUT', 'participants/D2', {}],
      ['PUT', 'participants/P2', { role: 1 }],
      ['DELETE', 'participants/P2', undefined],
    ] as const) {
      const answer = await api.call('D1', method, `/sessions/pair-1/${path}`, body);
      should([answer.status, answer.body.code]).eql([409, 'conflict'], path);
    }
    (await api.get('D1', '/sessions/pair-1/participants')).body.items.length.should.equal(2);
  });
});
