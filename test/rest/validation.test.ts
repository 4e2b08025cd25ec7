import { Api, type Faulty, runFaulty } from './api';

const many = <T>(count: number, item: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => item(index));

/** Wrong input and the paths at fault. These need no stored data: what is at fault is found before anything is looked up. */
describe('Validation', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'D2', 'P1');
    await api.server.session('s1', 1, 'D1', 'P1');
  });
  after(() => api.stop());

  const faulty = (method: 'POST' | 'PUT', path: string, inputs: readonly Faulty[]) =>
    runFaulty(() => api, method, path, inputs);

  faulty('POST', '/users/login', [
    ['nothing', {}, 'user_id', 'user_type'],
    ['wrong kinds', { user_id: 1, user_type: 'nurse' }, 'user_id', 'user_type'],
    [
      'every field',
      { user_id: 'a b', user_type: null, platform: 'psp', client_id: '' },
      'user_id',
      'user_type',
      'platform',
      'client_id',
    ],
    ['a reserved id', { user_id: 'system', user_type: 'doctor' }, 'user_id'],
    ['dots', { user_id: '..', user_type: 'doctor' }, 'user_id'],
    ['a line break after the id', { user_id: 'D1\n', user_type: 'doctor' }, 'user_id'],
    ['129 characters', { user_id: 'D1', user_type: 'doctor', client_id: 'x'.repeat(129) }, 'client_id'],
    ['the other type', { user_id: 'D1', user_type: 'patient' }, 'user_type'],
  ]);

  faulty('POST', '/users/logout', [
    ['nobody named', {}, 'user_id'],
    ['a number', { user_id: 5 }, 'user_id'],
  ]);

  faulty('PUT', '/users/D1', [
    ['nothing', {}, 'type', 'name'],
    [
      'every field',
      { type: 'x', name: '', sex: 3, birthdate: '17.05.1960', avatar: 'ftp://x', openid: '' },
      'type',
      'name',
      'sex',
      'birthdate',
      'avatar',
      'openid',
    ],
    ['a day that is none', { type: 'doctor', name: 'x', birthdate: '2026-02-30' }, 'birthdate'],
    ['a time for a day', { type: 'doctor', name: 'x', birthdate: '2026-02-03T00:00:00Z' }, 'birthdate'],
    ['101 characters', { type: 'doctor', name: '名'.repeat(101) }, 'name'],
    ['101 of two units each', { type: 'doctor', name: '😀'.repeat(101) }, 'name'],
    ['a script for an avatar', { type: 'doctor', name: 'x', avatar: 'javascript:alert(1)' }, 'avatar'],
    ['sex as text', { type: 'doctor', name: 'x', sex: '1' }, 'sex'],
  ]);

  faulty('PUT', '/users/D1/status', [
    ['nothing', {}, 'in_background'],
    [
      'every field',
      { in_background: 'true', platform: 'x', client_id: 1 },
      'in_background',
      'platform',
      'client_id',
    ],
  ]);

  const session = { type: 1, name: 'x', participants: [{ id: 'D1' }, { id: 'P1' }] };
  faulty('POST', '/sessions', [
    ['nothing', {}, 'type', 'name', 'participants'],
    [
      'every field',
      { id: 'recent', type: 4, name: '', participants: [], business_type: 3 },
      'id',
      'type',
      'name',
      'participants',
      'business_type',
    ],
    ['a type as text', { ...session, type: '1' }, 'type'],
    ['no list', { ...session, participants: { id: 'D1' } }, 'participants'],
    [
      'bad members',
      { ...session, participants: ['D1', { id: 'D1', role: 2 }, {}, { id: 'login' }] },
      'participants.0',
      'participants.1.role',
      'participants.2.id',
      'participants.3.id',
    ],
    [
      'unknown members',
      { ...session, participants: [{ id: 'X1' }, { id: 'D1' }, { id: 'X2' }] },
      'participants.0.id',
      'participants.2.id',
    ],
    [
      'a member twice',
      { ...session, participants: [{ id: 'D1' }, { id: 'P1' }, { id: 'D1' }] },
      'participants.2.id',
    ],
    [
      '501 members',
      { ...session, participants: many(501, (index) => ({ id: `D${index}` })) },
      'participants',
    ],
    [
      'three in a p2p session',
      { ...session, type: 2, participants: [{ id: 'D1' }, { id: 'D2' }, { id: 'P1' }] },
      'participants',
    ],
    ['one in a p2p session', { ...session, type: 2, participants: [{ id: 'D1' }] }, 'participants'],
    [
      'oneself twice in a p2p session',
      { ...session, type: 2, participants: [{ id: 'D1' }, { id: 'D1' }] },
      'participants',
    ],
    ['1 with a patient', { ...session, business_type: 1 }, 'business_type'],
    ['2 without one', { ...session, participants: [{ id: 'D1' }], business_type: 2 }, 'business_type'],
  ]);

  faulty('PUT', '/sessions/s1/sticky', [
    ['nobody named', {}, 'user_id'],
    ['no id', { user_id: '' }, 'user_id'],
  ]);

  faulty('PUT', '/sessions/s1/status', [
    ['nothing', {}, 'status'],
    ['2', { status: 2 }, 'status'],
    ['a truth', { status: true }, 'status'],
  ]);

  faulty('POST', '/sessions/s1/participants', [
    ['nothing', {}, 'participants'],
    ['none', { participants: [] }, 'participants'],
    ['unknown', { participants: [{ id: 'D2' }, { id: 'X1' }] }, 'participants.1.id'],
    ['a role that is none', { participants: [{ id: 'D2', role: 2 }] }, 'participants.0.role'],
    ['501', { participants: many(501, (index) => ({ id: `D${index}` })) }, 'participants'],
  ]);

  faulty('PUT', '/sessions/s1/participant/update', [
    ['no lists', { remove: 'P1', add: 'D2' }, 'remove', 'add'],
    ['bad ids', { remove: ['P1', ''], add: [{ id: '' }] }, 'remove.1', 'add.0.id'],
    ['removing who is not there', { remove: ['P1', 'D2'] }, 'remove.1'],
    ['adding the unknown', { add: [{ id: 'D2' }, { id: 'X1' }] }, 'add.1.id'],
    [
      'everything at once',
      { remove: ['P1', 'D2', 'X1'], add: [{ id: 'X2' }, { id: 'P1' }, { id: 'X2' }] },
      'remove.1',
      'remove.2',
      'add.0.id',
      'add.1.id',
      'add.2.id',
    ],
    ['removing and adding one', { remove: ['P1'], add: [{ id: 'P1' }] }, 'add.0.id'],
    [
      '501',
      { remove: many(501, (index) => `D${index}`), add: many(501, (index) => ({ id: `D${index}` })) },
      'remove',
      'add',
    ],
  ]);

  faulty('PUT', '/sessions/s1/participants/P1', [['a role that is none', { role: '1' }, 'role']]);
});
