import should from 'should';
import supertest from 'supertest';
import { type Method } from '../../src/controllers/rest/route';
import { Api, BASE, checkProblem, ROUTES, runCases } from './api';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;

/** Paths outside the groups' routes that keep the same rules. */
const OTHERS: Record<string, readonly string[]> = {
  '/openapi.json': ['GET', 'HEAD'],
  '/docs': ['GET', 'HEAD'],
  '/docs.css': ['GET', 'HEAD'],
};

/** A path in which every parameter is one that can stand for it. */
function filled(path: string): string {
  return path.replace(/:(message|notice)_id/, '1').replaceAll(/:(\w+)/g, 'x-$1');
}

describe('Paths and methods', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());

  describe('a method that a path does not take: 405 with Allow', () => {
    const paths = new Map(Object.entries(OTHERS).map(([path, methods]) => [path, new Set(methods)]));
    for (const { full, method } of ROUTES) {
      const path = filled(full);
      const methods = paths.get(path) ?? new Set<string>();
      methods.add(method);
      if (method === 'GET') methods.add('HEAD');
      paths.set(path, methods);
    }
    for (const [path, methods] of paths) {
      it(path, async () => {
        const allow = [...methods].sort().join(', ');
        for (const method of METHODS.filter((each) => !methods.has(each))) {
          const name = method.toLowerCase() as 'get';
          // Without credentials: the path and the method are looked at first.
          const response = await supertest(api.server.url)[name](BASE + path);
          should([method, response.status]).eql([method, 405]);
          should(response.headers.allow).equal(allow);
          if (method === 'HEAD') continue;
          checkProblem(response);
          response.body.code.should.equal('method_not_allowed');
        }
      });
    }
  });

  describe('HEAD answers as GET does, without a body', () => {
    for (const path of ['/application/badge_no', '/docs', '/openapi.json']) {
      it(path, async () => {
        const token = await api.token('D1');
        const [get, head] = await Promise.all(
          (['get', 'head'] as const).map((method) =>
            supertest(api.server.url)
              [method](BASE + path)
              .set('Authorization', `Bearer ${token}`),
          ),
        );
        head!.status.should.equal(200);
        should(head!.text).be.undefined();
        for (const name of ['content-type', 'content-length', 'cache-control']) {
          should(head!.headers[name]).equal(get!.headers[name], name);
        }
      });
    }
  });

  describe('literal words win over parameters, and reserved words are no ids', () => {
    let session: string;
    before(async () => {
      session = await api.session(1, 'D1', 'P1');
      await api.server.send(session, 'P1', '您好');
      (
        await api.post('backend', `/sessions/topics/topics`, { session_id: session, name: '名为topics' })
      ).status.should.equal(201);
      await api.server.session('session', 1, 'D1', 'P1');
    });

    runCases(
      () => api,
      [
        {
          title: 'a topic may be called topics',
          by: 'D1',
          request: ['GET', '/sessions/topics/topics'],
          status: 200,
          body: { id: 'topics' },
        },
        {
          title: 'a session may be called session',
          by: 'D1',
          request: ['GET', '/sessions/session/session'],
          status: 200,
          body: { id: 'session' },
        },
        {
          title: "a topic's messages by its own path",
          by: 'D1',
          request: ['GET', '/sessions/topic/topics/messages'],
          status: 200,
        },
        {
          title: 'the topic list',
          by: 'D1',
          request: ['GET', '/sessions/topics'],
          status: 200,
          body: { next: null },
        },
        {
          title: 'the reply count is no topic',
          by: 'D1',
          request: ['GET', '/sessions/topics/count/reply'],
          status: 200,
          body: { new: 1 },
        },
        {
          title: 'recent sessions',
          by: 'D1',
          request: ['GET', '/sessions/recent'],
          status: 200,
          body: { next: null },
        },
        {
          title: 'all unread counts',
          by: 'D1',
          request: ['GET', '/sessions/unread_message_count'],
          status: 200,
          body: { user_id: 'D1' },
        },
        {
          title: 'a trailing slash changes nothing',
          by: 'D1',
          request: ['GET', '/sessions/recent/'],
          status: 200,
        },
      ],
    );

    it('unread messages and avatars', async () => {
      const unread = await api.get('D1', `/sessions/${session}/messages/unread`);
      unread.body.items.length.should.equal(2);
      const avatars = await api.get('D1', `/sessions/${session}/participants/avatars`);
      avatars.body.items.map(({ id }: { id: string }) => id).should.eql(['D1', 'P1']);
    });

    const NOT_FOUND: [Method, string, unknown?][] = [
      ['GET', '/sessions/recent/session'],
      ['GET', '/sessions/topic/session'],
      ['GET', '/sessions/topics/session'],
      ['GET', '/sessions/unread_message_count/session'],
      ['GET', '/sessions/topics/current'],
      ['GET', '/sessions/topics/count'],
      ['POST', '/sessions/current/topics', { session_id: 'session', name: 'x' }],
      ['POST', '/sessions/count/topics', { session_id: 'session', name: 'x' }],
      ['GET', '/sessions/session/topics/current/messages'],
      ['GET', '/sessions/topic/current/messages'],
      ['GET', '/users/system'],
      ['GET', '/users/avatars'],
      ['PUT', '/users/system', { type: 'doctor', name: 'x' }],
      ['GET', '/sessions/session/participants/system'],
      ['GET', '/users/a%20b'],
      ['GET', '/users/%E5%8C%BB'],
      ['GET', '/users/a%00b'],
      ['GET', '/users/%ff'],
      ['GET', '/users/%'],
      ['GET', '/users/a%2Fb'],
      ['GET', '/users/...'],
      ['GET', '/users/%2e%2e%2e'],
      ['PUT', `/users/${'a'.repeat(129)}`, { type: 'doctor', name: 'x' }],
      ['GET', '/sessions/session/messages/0'],
      ['GET', '/sessions/session/messages/01'],
      ['GET', '/sessions/session/messages/-1'],
      ['GET', '/sessions/session/messages/1.0'],
      ['GET', '/sessions/session/messages/1e3'],
      ['GET', '/sessions/session/messages/9007199254740992'],
      ['GET', '/sessions/session//messages'],
      ['GET', '/sessions//session/session'],
      ['GET', '/sessions/Recent/x/y/z'],
      ['GET', '/users'],
      ['GET', '/application'],
      ['GET', '/nothing'],
      ['GET', '/Users/D1'],
    ];
    for (const [method, path, body] of NOT_FOUND) {
      it(`${method} ${path.slice(0, 60)} → 404`, async () => {
        const answer = await api.call('backend', method, path, body);
        should([answer.status, answer.body.code]).eql([404, 'not_found']);
      });
    }

    it('the longest ids work, and upper and lower case differ', async () => {
      for (const id of ['a'.repeat(128), 'Ab', 'aB', 'a.b_c:d@e-f', '..a']) {
        (
          await api.put('backend', `/users/${id}`, { type: 'doctor', name: id.slice(0, 100) })
        ).status.should.equal(201);
        should((await api.get('backend', `/users/${id}`)).body.id).equal(id);
      }
      (await api.get('backend', '/users/AB')).status.should.equal(404);
      (await api.get('backend', '/users/a%2Eb_c%3Ad%40e-f')).body.id.should.equal('a.b_c:d@e-f');
    });
  });
});
