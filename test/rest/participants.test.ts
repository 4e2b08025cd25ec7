import should from 'should';
import { eachDatabase } from '../support/databases';
import { Api } from './api';

interface Shown {
  id: string;
  role: number;
  last_fetch_time: string;
}

eachDatabase('Participants', (database) => {
  let api: Api;
  let session: string;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'D3', 'P1', 'P2');
    // Patients of D1's: whoever of them is removed below can be added again.
    await api.session(1, 'D1', 'P1', 'P2');
  });
  beforeEach(async () => {
    session = await api.session(1, 'D1', 'P1');
  });
  after(() => api.stop());

  const path = (rest: string) => `/sessions/${session}/${rest}`;
  const shown = async () => (await api.get('backend', path('participants'))).body.items as Shown[];
  const ids = async () => (await shown()).map(({ id }) => id);
  const businessType = async () => (await api.get('backend', path('session'))).body.business_type as number;

  it('adding: the list, who is there already stays as they are', async () => {
    await api.put('D1', path('participants/D1'), { role: 1 });
    const before = await shown();
    const answer = await api.post('D1', path('participants'), {
      participants: [
        { id: 'D2', role: 1 },
        { id: 'D1', role: 0 },
      ],
    });
    answer.status.should.equal(200);
    should(answer.body.next).be.null();
    const items = answer.body.items as Shown[];
    items
      .map(({ id, role }) => [id, role])
      .should.eql([
        ['D1', 1],
        ['D2', 1],
        ['P1', 0],
      ]);
    items.filter(({ id }) => id !== 'D2').should.eql(before);
    should(await shown()).eql(items);
  });

  it('a new one starts with nothing unread, and sees what comes after', async () => {
    await api.server.send(session, 'P1', '一');
    await api.post('D1', path('participants'), { participants: [{ id: 'D2' }] });
    const count = async () => (await api.get('D2', path('unread_message_count'))).body.count as number;
    (await count()).should.equal(0);
    (await api.get('D2', path('messages?peek=1'))).body.items.length.should.equal(1);
    await api.server.send(session, 'P1', '二');
    (await count()).should.equal(1);
  });

  it('one: added with 201, role changed with 200, shown, removed with 204, gone', async () => {
    const added = await api.put('D1', path('participants/D2'), { role: 1 });
    should([added.status, added.body.id, added.body.role]).eql([201, 'D2', 1]);
    const changed = await api.put('D1', path('participants/D2'), { role: 0 });
    should([changed.status, changed.body.role]).eql([200, 0]);
    const kept = await api.put('D1', path('participants/D2'));
    should([kept.status, kept.body]).eql([200, changed.body]);
    should((await api.get('D2', path('participants/D2'))).body).eql(changed.body);
    should((await api.get('D2', path('participants/D2/avatars'))).body).eql({
      id: 'D2',
      name: 'D2的名字',
      avatar: null,
    });
    (await api.delete('D1', path('participants/D2'))).status.should.equal(204);
    for (const [caller, rest] of [
      ['D1', 'participants/D2'],
      ['D2', 'participants'],
      ['D2', 'session'],
      ['D2', 'messages'],
    ] as const) {
      (await api.get(caller, path(rest))).status.should.equal(404);
    }
    (await api.delete('D1', path('participants/D2'))).status.should.equal(404);
  });

  it('an unknown user is 404 where the path names it', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      (await api.call('D1', method, path('participants/X1'))).status.should.equal(404);
    }
    (await api.get('D1', path('participants/X1/avatars'))).status.should.equal(404);
  });

  it('one may leave by itself', async () => {
    (await api.delete('D1', path('participants/D1'))).status.should.equal(204);
    (await ids()).should.eql(['P1']);
  });

  it('of ten who remove one at once, one does; the others find it gone', async () => {
    await api.post('D1', path('participants'), { participants: [{ id: 'D2' }] });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.delete('backend', path('participants/D2'))),
    );
    answers
      .map(({ status }) => status)
      .sort()
      .should.eql([204, ...Array<number>(9).fill(404)]);
  });

  it('of ten who add one at once, one does', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.put('backend', path('participants/D2'))),
    );
    answers
      .map(({ status }) => status)
      .sort()
      .should.eql([...Array<number>(9).fill(200), 201]);
    (await ids()).should.eql(['D1', 'D2', 'P1']);
  });

  it('business_type follows the participants, on every way they change', async () => {
    (await businessType()).should.equal(2);
    await api.delete('D1', path('participants/P1'));
    (await businessType()).should.equal(1);
    await api.put('D1', path('participants/P2'));
    (await businessType()).should.equal(2);
    await api.put('D1', path('participant/update'), { remove: ['P2'], add: [{ id: 'D2' }] });
    (await businessType()).should.equal(1);
    await api.post('D1', path('participants'), { participants: [{ id: 'P1' }] });
    (await businessType()).should.equal(2);
    const listed = (await api.get('D1', '/sessions?business_type=2&limit=200')).body.items as {
      id: string;
    }[];
    listed.map(({ id }) => id).should.containEql(session);
  });

  describe('update', () => {
    const update = (body: object, caller = 'D1') => api.put(caller, path('participant/update'), body);

    it('removes and adds', async () => {
      const answer = await update({
        remove: ['P1'],
        add: [
          { id: 'D2', role: 1 },
          { id: 'D1', role: 1 },
        ],
      });
      answer.status.should.equal(200);
      (answer.body.items as Shown[])
        .map(({ id, role }) => [id, role])
        .should.eql([
          ['D1', 0],
          ['D2', 1],
        ]);
    });

    it('nothing to do is nothing done', async () => {
      const before = await shown();
      for (const body of [{}, { add: [{ id: 'P1', role: 1 }] }, { remove: [], add: [] }]) {
        const answer = await update(body);
        should([answer.status, answer.body.items]).eql([200, before]);
      }
    });

    it('both or neither: a fault on one side leaves the other undone', async () => {
      const before = await shown();
      for (const [body, status] of [
        [{ remove: ['P1', 'D3'], add: [{ id: 'D2' }] }, 400],
        [{ remove: ['P1'], add: [{ id: 'D2' }, { id: 'X1' }] }, 400],
        [{ remove: ['P1'], add: [{ id: 'D2' }, { id: 'D2' }] }, 400],
        [{ remove: ['P1'], add: [{ id: 'P1' }] }, 400],
      ] as const) {
        (await update(body)).status.should.equal(status);
        should(await shown()).eql(before);
      }
    });

    it('the same to remove twice is removed once', async () => {
      const answer = await update({ remove: ['P1', 'P1'] });
      answer.status.should.equal(200);
      (await ids()).should.eql(['D1']);
    });
  });

  it('what was unread stays for those who stay', async () => {
    await api.server.send(session, 'P1', '您好');
    await api.put('D1', path('participant/update'), { remove: ['P1'], add: [{ id: 'P2' }] });
    should((await api.get('D1', path('unread_message_count'))).body.count).equal(1);
    should((await api.get('P2', path('unread_message_count'))).body.count).equal(0);
  });
});
