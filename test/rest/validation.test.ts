import { Api, type Case, faultPaths, runCases } from './api';

const URL_2048 = `https://files.example.com/${'a'.repeat(2022)}`;
const many = <T>(count: number, item: (index: number) => T) => Array.from({ length: count }, (_, index) => item(index));

/** Wrong input and the paths at fault. These need no stored data: what is at fault is found before anything is looked up. */
describe('Validation', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'D2', 'P1');
    await api.server.session('s1', 1, 'D1', 'P1');
  });
  after(() => api.stop());

  type Fault = [title: string, body: unknown, ...paths: string[]];
  const faulty = (method: 'POST' | 'PUT', path: string, faults: readonly Fault[]) =>
    describe(`${method} ${path}`, () => {
      runCases(
        () => api,
        faults.map(([title, body, ...paths]): Case => {
          const code = 'validation_failed';
          return { title, request: [method, path, body], status: 400, code, faults: paths };
        }),
      );
    });

  faulty('POST', '/users/login', [
    ['nothing', {}, 'user_id', 'user_type'],
    ['wrong kinds', { user_id: 1, user_type: 'nurse' }, 'user_id', 'user_type'],
    ['every field', { user_id: 'a b', user_type: null, platform: 'psp', client_id: '' }, 'user_id', 'user_type', 'platform', 'client_id'],
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
    ['every field', { type: 'x', name: '', sex: 3, birthdate: '17.05.1960', avatar: 'ftp://x', openid: '' }, 'type', 'name', 'sex', 'birthdate', 'avatar', 'openid'],
    ['a day that is none', { type: 'doctor', name: 'x', birthdate: '2026-02-30' }, 'birthdate'],
    ['a time for a day', { type: 'doctor', name: 'x', birthdate: '2026-02-03T00:00:00Z' }, 'birthdate'],
    ['101 characters', { type: 'doctor', name: '名'.repeat(101) }, 'name'],
    ['101 of two units each', { type: 'doctor', name: '😀'.repeat(101) }, 'name'],
    ['a script for an avatar', { type: 'doctor', name: 'x', avatar: 'javascript:alert(1)' }, 'avatar'],
    ['sex as text', { type: 'doctor', name: 'x', sex: '1' }, 'sex'],
  ]);

  faulty('PUT', '/users/D1/status', [
    ['nothing', {}, 'in_background'],
    ['every field', { in_background: 'true', platform: 'x', client_id: 1 }, 'in_background', 'platform', 'client_id'],
  ]);

  const session = { type: 1, name: 'x', participants: [{ id: 'D1' }, { id: 'P1' }] };
  faulty('POST', '/sessions', [
    ['nothing', {}, 'type', 'name', 'participants'],
    ['every field', { id: 'recent', type: 4, name: '', participants: [], business_type: 3 }, 'id', 'type', 'name', 'participants', 'business_type'],
    ['a type as text', { ...session, type: '1' }, 'type'],
    ['no list', { ...session, participants: { id: 'D1' } }, 'participants'],
    ['bad members', { ...session, participants: ['D1', { id: 'D1', role: 2 }, {}, { id: 'login' }] }, 'participants.0', 'participants.1.role', 'participants.2.id', 'participants.3.id'],
    ['unknown members', { ...session, participants: [{ id: 'X1' }, { id: 'D1' }, { id: 'X2' }] }, 'participants.0.id', 'participants.2.id'],
    ['a member twice', { ...session, participants: [{ id: 'D1' }, { id: 'P1' }, { id: 'D1' }] }, 'participants.2.id'],
    ['501 members', { ...session, participants: many(501, (index) => ({ id: `D${index}` })) }, 'participants'],
    ['three in a p2p session', { ...session, type: 2, participants: [{ id: 'D1' }, { id: 'D2' }, { id: 'P1' }] }, 'participants'],
    ['one in a p2p session', { ...session, type: 2, participants: [{ id: 'D1' }] }, 'participants'],
    ['oneself twice in a p2p session', { ...session, type: 2, participants: [{ id: 'D1' }, { id: 'D1' }] }, 'participants'],
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

  const message = { session_id: 's1', name: 'x' };
  faulty('POST', '/sessions/t1/topics', [
    ['nothing', {}, 'session_id', 'name'],
    [
      'every field',
      { session_id: 'topic', user_id: '', name: '', description: 5, type: 1.5, session_name: '', session_type: 9, participants: [{}], messages: [{}] },
      'session_id', 'user_id', 'name', 'description', 'type', 'session_name', 'session_type', 'participants.0.id', 'messages.0.type',
    ],
    ['messages in part', { ...message, messages: [{ sender_id: 'D1', type: 1, content: 'a' }, { sender_id: '', type: 3, content: { url: 'x' } }] }, 'messages.1.sender_id', 'messages.1.content.url', 'messages.1.content.duration'],
    ['a type of the server', { ...message, messages: [{ sender_id: 'D1', type: 7, content: 'a' }] }, 'messages.0.type'],
    ['501 messages', { ...message, messages: many(501, () => ({ sender_id: 'D1', type: 1, content: 'a' })) }, 'messages'],
    ['a sender who is not there', { ...message, messages: [{ sender_id: 'P1', type: 1, content: 'a' }, { sender_id: 'D2', type: 1, content: 'a' }] }, 'messages.1.sender_id'],
    ['a first sender who is not there', { ...message, messages: [{ sender_id: 'D2', type: 1, content: 'a' }] }, 'messages.0.sender_id'],
    ['no sender', { ...message, messages: [{ type: 1, content: 'a' }] }, 'messages.0.sender_id'],
    ['a forward of nothing', { ...message, messages: [{ sender_id: 'P1', type: 8, content: { session_id: 's1', message_id: 999 } }] }, 'messages.0.content'],
    ['an unknown participant', { ...message, participants: [{ id: 'X1' }] }, 'participants.0.id'],
    ['5,001 characters', { ...message, description: 'x'.repeat(5001) }, 'description'],
    ['a type beyond 32 bits', { ...message, type: 2147483648 }, 'type'],
  ]);

  faulty('PUT', '/sessions/topics/t1', [
    ['every field', { name: '', description: 'x'.repeat(5001), type: 'a', reply: 2 }, 'name', 'description', 'type', 'reply'],
    ['no name at all', { name: null }, 'name'],
  ]);

  faulty('PUT', '/sessions/s1/topics/t1/ended', [
    ['nobody named', {}, 'user_id'],
    ['every field', { user_id: 1, user_name: '', message: '' }, 'user_id', 'user_name', 'message'],
    ['5,001 characters', { user_id: 'D1', message: 'x'.repeat(5001) }, 'message'],
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
    ['removing and adding one', { remove: ['P1'], add: [{ id: 'P1' }] }, 'add.0.id'],
    ['501', { remove: many(501, (index) => `D${index}`), add: many(501, (index) => ({ id: `D${index}` })) }, 'remove', 'add'],
  ]);

  faulty('PUT', '/sessions/s1/participants/P1', [['a role that is none', { role: '1' }, 'role']]);

  faulty('POST', '/sessions/s1/messages', [
    ['nothing', {}, 'type'],
    ['bad envelope', { sender_id: '', client_msg_id: '', type: 1, content: 'a' }, 'sender_id', 'client_msg_id'],
    ['envelope and content at once', { sender_id: '', client_msg_id: 'x'.repeat(129), type: 1, content: '' }, 'sender_id', 'client_msg_id', 'content'],
    ['an unknown sender', { sender_id: 'X1', type: 1, content: 'a' }, 'sender_id'],
    ['no participant', { sender_id: 'D2', type: 1, content: 'a' }, 'sender_id'],
    ['no sender', { type: 1, content: 'a' }, 'sender_id'],
    ['a type as text', { sender_id: 'D1', type: '1', content: 'a' }, 'type'],
    ...[6, 7, 10, 11, 13, 14, 15, -1, 1.5, null].map((type): Fault => [`type ${type}`, { sender_id: 'D1', type, content: 'a' }, 'type']),
    ['type 0 as a number', { type: 0, content: 5 }, 'content'],
    ['type 0 as a list', { type: 0, content: [] }, 'content'],
    ['no text', { sender_id: 'D1', type: 1 }, 'content'],
    ['5,001 characters', { sender_id: 'D1', type: 1, content: '字'.repeat(5001) }, 'content'],
    ['an object for a text', { sender_id: 'D1', type: 1, content: { text: 'a' } }, 'content'],
    ['a text for an image', { sender_id: 'D1', type: 2, content: 'https://x.example.com/a.jpg' }, 'content'],
    ['an image of nothing', { sender_id: 'D1', type: 2, content: { thumbnail: 'x', width: 0, height: 1.5 } }, 'content.url', 'content.thumbnail', 'content.width', 'content.height'],
    ['a script for an image', { sender_id: 'D1', type: 9, content: { url: 'javascript:alert(1)' } }, 'content.url'],
    ['data for an image', { sender_id: 'D1', type: 2, content: { url: 'data:text/html,x' } }, 'content.url'],
    ['an address with a blank', { sender_id: 'D1', type: 2, content: { url: 'https://a b' } }, 'content.url'],
    ['an address without a host', { sender_id: 'D1', type: 2, content: { url: 'https://' } }, 'content.url'],
    ['2,049 characters', { sender_id: 'D1', type: 2, content: { url: `${URL_2048}a` } }, 'content.url'],
    ['a voice without its length', { sender_id: 'D1', type: 3, content: { url: URL_2048 } }, 'content.duration'],
    ['a voice of -1 s', { sender_id: 'D1', type: 3, content: { url: URL_2048, duration: -1 } }, 'content.duration'],
    ['an article of nothing', { sender_id: 'D1', type: 4, content: {} }, 'content.title', 'content.url'],
    ['every field of an article', { sender_id: 'D1', type: 4, content: { title: '', url: '', summary: 1, image: '' } }, 'content.title', 'content.url', 'content.summary', 'content.image'],
    ['a jump of nothing', { sender_id: 'D1', type: 5, content: {} }, 'content.title', 'content.url'],
    ['a forward of nothing', { sender_id: 'D1', type: 8, content: {} }, 'content.session_id', 'content.message_id'],
    ['a forward of no id', { sender_id: 'D1', type: 8, content: { session_id: 'recent', message_id: 0 } }, 'content.session_id', 'content.message_id'],
    ['a forward of an id as text', { sender_id: 'D1', type: 8, content: { session_id: 's1', message_id: '1' } }, 'content.message_id'],
    ['a forward of a message that is not there', { sender_id: 'D1', type: 8, content: { session_id: 's1', message_id: 999 } }, 'content'],
    ['a video of nothing', { sender_id: 'D1', type: 12, content: { cover: 'x' } }, 'content.url', 'content.cover', 'content.duration'],
  ]);

  describe('queries', () => {
    const LIMITED = [
      '/sessions?user_id=D1',
      '/sessions/recent?user_id=D1',
      '/sessions/topics?user_id=D1',
      '/sessions/s1/messages?user_id=D1',
      '/sessions/s1/messages/unread?user_id=D1',
    ];
    runCases(
      () => api,
      LIMITED.flatMap((path) => [
        ...['1', '200', '0200'].map((limit): Case => ({ title: `${path}&limit=${limit}`, request: ['GET', `${path}&limit=${limit}`], status: 200 })),
        ...['0', '201', '-1', '', '1.5', 'x', '1e2', '%201', '99999999999999999999'].map(
          (limit): Case => ({ title: `${path}&limit=${limit}`, request: ['GET', `${path}&limit=${limit}`], status: 400, faults: ['limit'] }),
        ),
      ]),
    );

    const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
    const BAD_CURSORS = ['', 'x', '!!', 'bnVsbA', cursor([]), cursor({}), cursor([0, 'x', 's1']), cursor(['2026-02-30 00:00:00.000', 't']), cursor([0, '2026-13-01 00:00:00.000', 's']), 'a'.repeat(1025)];
    runCases(
      () => api,
      ['/sessions?user_id=D1', '/sessions/recent?user_id=D1', '/sessions/topics?user_id=D1'].flatMap((path) =>
        BAD_CURSORS.map((bad): Case => ({ title: `${path}&cursor=${bad.slice(0, 40)}`, request: ['GET', `${path}&cursor=${bad}`], status: 400, faults: ['cursor'] })),
      ),
    );

    const FAULTS: [path: string, ...faults: string[]][] = [
      ['/application/badge_no', 'user_id'],
      ['/application/badge_no?user_id=', 'user_id'],
      ['/application/badge_no?user_id=D1&user_id=D1', 'user_id'],
      ['/application/badge_no?user_id=%00', 'user_id'],
      ['/application/badge_no?user_id=D1&other=%00', 'other'],
      ['/application/badge_no?user_id=D1&%ff=1', ''],
      ['/sessions', 'user_id'],
      ['/sessions?user_id=D1&type=4&business_type=0&limit=0&cursor=x', 'type', 'business_type', 'limit', 'cursor'],
      ['/sessions?user_id=unknown&cursor=x', 'cursor'],
      ['/sessions/recent?user_id=D1&type=nurse&days=0', 'type', 'days'],
      ['/sessions/recent?user_id=D1&days=3651', 'days'],
      ['/sessions/unread_message_count', 'user_id'],
      ['/sessions/s1/unread_message_count', 'user_id'],
      ['/sessions/s1/messages/unread', 'user_id'],
      ['/sessions/s1/messages/unread?user_id=D1&after=-1', 'after'],
      ['/sessions/s1/messages?before=x&after=1.5&peek=2', 'before', 'after', 'peek'],
      ['/sessions/s1/messages?before=9007199254740992', 'before'],
      ['/sessions/topics?status=1&reply=2&type=x&session_id=topics', 'status', 'reply', 'type', 'session_id'],
      ['/sessions/topics?from=2026-11-22&to=yesterday', 'from', 'to'],
      ['/sessions/topics?from=2026-11-22T00:00:00', 'from'],
      ['/sessions/topics?from=2026-11-22T00:00:00+08:00', 'from'],
      ['/sessions/topics?to=2026-02-30T00:00:00Z', 'to'],
      ['/sessions/topics/count/reply?user_id=D1&from=x', 'from'],
      ['/sessions/topics/count/reply', 'user_id'],
    ];
    runCases(
      () => api,
      FAULTS.map(([path, ...faults]): Case => ({ title: path, request: ['GET', path], status: 400, faults })),
    );

    runCases(
      () => api,
      [
        '/application/badge_no?user_id=D1&other=1&other=2&__proto__=x',
        '/sessions/recent?user_id=D1&days=3650&type=doctor',
        '/sessions/recent?user_id=D1&days=1&type=patient',
        '/sessions/topics?type=-2147483648',
        '/sessions/topics?from=2026-11-22T00:00:00%2B08:00&to=2026-11-23T00:00:00.123456Z',
        '/sessions/s1/messages?before=9007199254740991&after=0&peek=0&user_id=D1',
      ].map((path): Case => ({ title: path, request: ['GET', path], status: 200 })),
    );
  });

  it('the detail names a fault, the list names all of them once', async () => {
    const answer = await api.post('backend', '/sessions/s1/messages', { sender_id: 5, type: 2, content: { url: 'x', width: 'x' } });
    const body = answer.body as { detail: string; errors: { path: string; message: string }[] };
    body.detail.should.match(/^(sender_id|content\.(url|width)): /);
    faultPaths(answer).should.eql(['content.url', 'content.width', 'sender_id']);
    new Set(body.errors.map((each) => JSON.stringify(each))).size.should.equal(body.errors.length);
    for (const { message } of body.errors) message.should.be.a.String().and.not.be.empty();
  });
});
