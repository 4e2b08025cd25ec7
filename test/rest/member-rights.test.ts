import should from 'should';
import { eachDatabase } from '../support/databases';
import { type Answer, Api } from './api';
import { type Method } from '../../src/controllers/rest/route';

/** A way to bring a user into a session, or to ask about one: a request that names it. */
interface Door {
  title: string;
  request: (session: string, id: string, fresh: string) => readonly [Method, string, unknown?];
  /** What it answers for a user who may be named. */
  status: number;
}

/** Every way to make a session with somebody, or to bring one into a session. */
const ADDING: readonly Door[] = [
  ...[1, 2, 3].map((type) => ({
    title: `POST /sessions of type ${type}`,
    request: (_session: string, id: string, fresh: string) =>
      ['POST', '/sessions', { id: fresh, type, name: 'x', participants: [{ id: 'me' }, { id }] }] as const,
    status: 201,
  })),
  {
    title: 'POST topics, which makes the session',
    request: (_session, id, fresh) => [
      'POST',
      `/sessions/${fresh}/topics`,
      {
        session_id: fresh,
        name: 'x',
        session_name: 'x',
        session_type: 1,
        participants: [{ id: 'me' }, { id }],
      },
    ],
    status: 201,
  },
  {
    title: 'POST topics, which adds the participant',
    request: (session, id, fresh) => [
      'POST',
      `/sessions/${fresh}/topics`,
      { session_id: session, name: 'x', participants: [{ id }] },
    ],
    status: 201,
  },
  {
    title: 'POST participants',
    request: (session, id) => ['POST', `/sessions/${session}/participants`, { participants: [{ id }] }],
    status: 200,
  },
  {
    title: 'PUT participant/update, adding',
    request: (session, id) => ['PUT', `/sessions/${session}/participant/update`, { add: [{ id }] }],
    status: 200,
  },
  {
    title: 'PUT participants/:participant_id',
    request: (session, id) => ['PUT', `/sessions/${session}/participants/${id}`, { role: 1 }],
    status: 201,
  },
];

/** Every way to change or remove a participant who is there. */
const CHANGING: readonly Door[] = [
  {
    title: 'PUT participants/:participant_id, the role',
    request: (session, id) => ['PUT', `/sessions/${session}/participants/${id}`, { role: 1 }],
    status: 200,
  },
  {
    title: 'PUT participant/update, removing',
    request: (session, id) => ['PUT', `/sessions/${session}/participant/update`, { remove: [id] }],
    status: 200,
  },
  {
    title: 'DELETE participants/:participant_id',
    request: (session, id) => ['DELETE', `/sessions/${session}/participants/${id}`],
    status: 204,
  },
];

/** Every way to ask about one user. */
const ASKING: readonly Door[] = ['', '/status'].map((rest) => ({
  title: `GET /users/:user_id${rest}`,
  request: (_session, id) => ['GET', `/users/${id}${rest}`],
  status: 200,
}));

eachDatabase('Who changes participants', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    // P1 and P2 are patients of D1's, P9 is none; D9 shares no session with anybody.
    await api.server.users('D1', 'D2', 'D7', 'D9', 'P1', 'P2', 'P7', 'P9');
    await api.session(1, 'D1', 'P2');
    await api.session(1, 'D2', 'P9');
  });
  after(() => api.stop());

  const pass = async (caller: string, door: Door, session: string, id: string): Promise<Answer> => {
    const [method, path, body] = door.request(session, id, api.fresh('fresh'));
    const asCaller = JSON.stringify(body ?? {}).replaceAll('"me"', JSON.stringify(caller));
    return api.call(caller, method, path, body === undefined ? undefined : JSON.parse(asCaller));
  };
  const shown = async (session: string) =>
    (await api.get('backend', `/sessions/${session}/session`)).body as { participants: { id: string }[] };
  const sessionsOf = async (user: string) =>
    (await api.get('backend', `/sessions?user_id=${user}&limit=200`)).body.items.length as number;

  for (const door of [...ADDING, ...CHANGING]) {
    it(`no patient by ${door.title}: forbidden, whoever is named`, async () => {
      const session = await api.session(1, 'D1', 'P1');
      const before = [await shown(session), await sessionsOf('P1')];
      // Its own doctor, itself, another doctor, another's patient, and nobody.
      for (const id of ADDING.includes(door) ? ['D2', 'P9', 'X1'] : ['D1', 'P1']) {
        const { body, status } = await pass('P1', door, session, id);
        should([status, body.code]).eql([403, 'forbidden'], `${id}: ${JSON.stringify(body)}`);
      }
      should([await shown(session), await sessionsOf('P1')]).eql(before);
    });

    it(`no user in a system session by ${door.title}, the backend does`, async () => {
      if (door.title.startsWith('POST /sessions') || door.title.endsWith('makes the session')) return;
      const session = await api.session(0, 'D1', 'P1');
      const before = await shown(session);
      for (const caller of ['D1', 'P1']) {
        const { body, status } = await pass(caller, door, session, ADDING.includes(door) ? 'D2' : 'P1');
        should([status, body.code]).eql([403, 'forbidden']);
      }
      should(await shown(session)).eql(before);
      const done = await pass('backend', door, session, ADDING.includes(door) ? 'D2' : 'P1');
      done.status.should.equal(door.status);
    });
  }

  for (const door of ADDING) {
    it(`a doctor by ${door.title}: any doctor, and patients of its own`, async () => {
      for (const id of ['D9', 'P2']) {
        const session = await api.session(1, 'D1', 'P1');
        const { body, status } = await pass('D1', door, session, id);
        // A pair has one session: where these two have it, it is the answer.
        should([door.status, 200].includes(status)).equal(true, JSON.stringify(body));
      }
    });
  }

  for (const door of CHANGING) {
    it(`a doctor by ${door.title}: whoever is there`, async () => {
      for (const id of ['D9', 'P1', 'D1']) {
        const session = await api.session(1, 'D1', 'D9', 'P1');
        (await pass('D1', door, session, id)).status.should.equal(door.status);
      }
    });
  }

  for (const door of [...ADDING, ...CHANGING, ...ASKING]) {
    it(`to a doctor another's patient is as unknown as nobody: ${door.title}`, async () => {
      const session = await api.session(1, 'D1', 'P1');
      const told = async (id: string) => {
        const { body, status } = await pass('D1', door, session, id);
        should(status).be.oneOf(400, 404);
        return JSON.stringify({ ...body, request_id: '' }).replaceAll(id, '?');
      };
      should(await told('P9')).equal(await told('X1'));
      should((await shown(session)).participants.map(({ id }) => id)).eql(['D1', 'P1']);
    });
  }

  for (const door of ASKING) {
    it(`${door.title}: oneself, and whoever shares a session, for as long as it does`, async () => {
      const session = await api.session(3, 'D7', 'P7');
      const ask = async (caller: string, id: string) => (await pass(caller, door, session, id)).status;
      for (const [caller, id, status] of [
        ['P7', 'P7', 200],
        ['P7', 'D7', 200],
        ['D7', 'P7', 200],
        ['P7', 'D9', 404],
        ['P7', 'P9', 404],
        ['D7', 'D9', 404],
        ['backend', 'P9', 200],
      ] as const) {
        should(await ask(caller, id)).equal(status, `${caller} ${id}`);
      }
      (await api.delete('D7', `/sessions/${session}/participants/P7`)).status.should.equal(204);
      should([await ask('D7', 'P7'), await ask('P7', 'D7')]).eql([404, 404]);
    });
  }

  it('a patient starts a topic with whoever is there already', async () => {
    const session = await api.session(1, 'D1', 'P1');
    const { status } = await api.post('P1', `/sessions/${api.fresh('t')}/topics`, {
      session_id: session,
      name: '咨询',
      participants: [{ id: 'D1' }, { id: 'P1', role: 1 }],
    });
    status.should.equal(201);
  });

  it('a doctor who removed a patient does not get it back by itself', async () => {
    const session = await api.session(1, 'D1', 'D9');
    await api.put('backend', `/sessions/${session}/participants/P9`);
    (await api.delete('D1', `/sessions/${session}/participants/P9`)).status.should.equal(204);
    (await api.put('D1', `/sessions/${session}/participants/P9`)).status.should.equal(404);
  });
});
