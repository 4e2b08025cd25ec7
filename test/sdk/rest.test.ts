import { createServer, type Server } from 'node:http';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { ChatPage } from './support/chat-page';
import { FaultProxy } from './support/fault-proxy';

interface Heard {
  method: string;
  url: string;
  body: string;
  type: string | undefined;
  authorization: string | undefined;
}

const QUERY = { limit: 5, cursor: 'a b&c=d', from: undefined, reply: 0, user_id: null };
const IN_URL = '?limit=5&cursor=a%20b%26c%3Dd&reply=0';
const BODY = { text: '你好 & <b>', n: null };

// Every method of section 9: its arguments, and what the server must hear.
const CALLS: [string, unknown[], string][] = [
  ['application.badgeNo', [], 'GET /application/badge_no'],
  ['application.badgeNo', [QUERY], `GET /application/badge_no${IN_URL}`],
  ['users.login', [BODY], 'POST /users/login'],
  ['users.logout', [], 'POST /users/logout'],
  ['users.get', ['u'], 'GET /users/u'],
  ['users.status', ['u'], 'GET /users/u/status'],
  ['users.setStatus', ['u', BODY], 'PUT /users/u/status'],
  ['users.consultTime', ['u'], 'GET /users/u/consult/time'],
  ['users.devices', ['u'], 'GET /users/u/devices'],
  ['users.removeDevice', ['u', 'c'], 'DELETE /users/u/devices/c'],
  ['sessions.create', [BODY], 'POST /sessions'],
  ['sessions.get', ['s'], 'GET /sessions/s/session'],
  ['sessions.list', [QUERY], `GET /sessions${IN_URL}`],
  ['sessions.list', [], 'GET /sessions'],
  ['sessions.recent', [QUERY], `GET /sessions/recent${IN_URL}`],
  ['sessions.stick', ['s'], 'PUT /sessions/s/sticky'],
  ['sessions.unstick', ['s', QUERY], `DELETE /sessions/s/sticky${IN_URL}`],
  ['sessions.setStatus', ['s', BODY], 'PUT /sessions/s/status'],
  ['sessions.startTopic', ['t', BODY], 'POST /sessions/t/topics'],
  ['sessions.topic', ['t'], 'GET /sessions/topics/t'],
  ['sessions.updateTopic', ['t', BODY], 'PUT /sessions/topics/t'],
  ['sessions.topicEnded', ['s', 'current'], 'GET /sessions/s/topics/current/ended'],
  ['sessions.endTopic', ['s', 't', BODY], 'PUT /sessions/s/topics/t/ended'],
  ['sessions.topics', [QUERY], `GET /sessions/topics${IN_URL}`],
  ['sessions.replyCount', [QUERY], `GET /sessions/topics/count/reply${IN_URL}`],
  ['sessions.topicStatistics', [QUERY], `GET /sessions/topics/statistics${IN_URL}`],
  ['sessions.topicMessages', ['t', QUERY], `GET /sessions/topic/t/messages${IN_URL}`],
  ['sessions.topicMessages', ['t'], 'GET /sessions/topic/t/messages'],
  ['sessions.topicMessages', ['s', 't', QUERY], `GET /sessions/s/topics/t/messages${IN_URL}`],
  ['sessions.messages', ['s', QUERY], `GET /sessions/s/messages${IN_URL}`],
  ['sessions.message', ['s', 17], 'GET /sessions/s/messages/17'],
  ['sessions.send', ['s', BODY], 'POST /sessions/s/messages'],
  ['sessions.recallMessage', ['s', 17, QUERY], `DELETE /sessions/s/messages/17${IN_URL}`],
  ['sessions.recalls', ['s', QUERY], `GET /sessions/s/recalls${IN_URL}`],
  ['sessions.searchMessages', ['s', QUERY], `GET /sessions/s/messages/search${IN_URL}`],
  ['sessions.unreadMessages', ['s', QUERY], `GET /sessions/s/messages/unread${IN_URL}`],
  ['sessions.unreadCount', ['s', QUERY], `GET /sessions/s/unread_message_count${IN_URL}`],
  ['sessions.unreadCounts', [QUERY], `GET /sessions/unread_message_count${IN_URL}`],
  ['sessions.participants', ['s'], 'GET /sessions/s/participants'],
  ['sessions.addParticipants', ['s', BODY], 'POST /sessions/s/participants'],
  ['sessions.updateParticipants', ['s', BODY], 'PUT /sessions/s/participant/update'],
  ['sessions.participant', ['s', 'p'], 'GET /sessions/s/participants/p'],
  ['sessions.setParticipant', ['s', 'p', BODY], 'PUT /sessions/s/participants/p'],
  ['sessions.removeParticipant', ['s', 'p'], 'DELETE /sessions/s/participants/p'],
  ['sessions.avatars', ['s'], 'GET /sessions/s/participants/avatars'],
  ['sessions.avatar', ['s', 'p'], 'GET /sessions/s/participants/p/avatars'],
  // Whatever an id may hold stays one step of the path.
  ['sessions.participant', ['a:b@c', 'd/e?f#g h'], 'GET /sessions/a%3Ab%40c/participants/d%2Fe%3Ff%23g%20h'],
  ['sessions.participant', ['$&', ':session_id'], 'GET /sessions/%24%26/participants/%3Asession_id'],
];

describe('SDK: REST', () => {
  if (!requireOrSkip('chromium')) return;
  const heard: Heard[] = [];
  let answer: { status: number; headers?: Record<string, string>; body: string };
  let server: Server;
  let proxy: FaultProxy;

  before(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        heard.push({
          method,
          url,
          body,
          type: headers['content-type'],
          authorization: headers.authorization,
        });
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = new FaultProxy(() => (server.address() as { port: number }).port);
    await proxy.start();
  });
  after(async () => {
    await proxy.stop();
    server.close();
  });
  beforeEach(() => {
    heard.length = 0;
    answer = { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{"fine":"好"}' };
  });

  for (const jquery of ['jquery-1', 'jquery-3', 'jquery-4']) {
    describe(`beside ${jquery}`, () => {
      let page: ChatPage;
      before(async () => {
        answer = { status: 404, body: '' };
        page = await ChatPage.open(proxy.url, { baseUrl: proxy.url, token: 'the-token' }, jquery);
      });
      after(async () => {
        await page.close();
        should(page.errors).deepEqual([]);
      });

      it('offers each method of the contract, and calls what it names', async () => {
        for (const [name, args, expected] of CALLS) {
          heard.length = 0;
          should(await page.call(name, ...args)).deepEqual({ fine: '好' }, name);
          should(heard.map(({ method, url }) => `${method} ${url}`)).deepEqual([
            expected.replace(' /', ' /api/v2/'),
          ]);
          const [{ body, type, authorization }] = heard as [Heard];
          if (/^(POST|PUT)/.test(expected)) {
            should(JSON.parse(body)).deepEqual(args.find((arg) => typeof arg === 'object') ?? {}, name);
            should(type).match(/^application\/json/);
          } else should(body).equal('');
          should(authorization).equal(name === 'users.login' ? undefined : 'Bearer the-token');
        }
        const offered = await page.run<
          string[]
        >(`['application', 'users', 'sessions'].reduce(function (all, group) {
          return all.concat(Object.keys(client[group]).map(function (name) { return group + '.' + name; }));
        }, [])`);
        should(offered.sort()).deepEqual([...new Set(CALLS.map(([name]) => name))].sort());
      });

      it('gives nothing for 204', async () => {
        answer = { status: 204, body: '' };
        should(await page.call('sessions.unstick', 's')).equal(undefined);
        should(await page.call('users.logout')).equal(undefined);
      });

      it('does not run what is no JSON', async () => {
        answer = { status: 200, headers: { 'Content-Type': 'text/javascript' }, body: 'window.ran = true' };
        should(await page.call('sessions.list')).containDeep({ rejected: { code: 'internal' } });
        should(await page.run('window.ran')).equal(undefined);
      });

      const problem = {
        type: 'about:blank',
        title: 'The request is not valid',
        status: 400,
        detail: 'name: is required.',
        code: 'validation_failed',
        request_id: 'r-1',
        errors: [{ path: 'name', message: 'is required' }],
      };
      const html = { 'Content-Type': 'text/html', 'X-Request-Id': 'r-2' };
      const rejections: [string, typeof answer, object][] = [
        [
          'the problem of the server',
          {
            status: 400,
            headers: { 'Content-Type': 'application/problem+json' },
            body: JSON.stringify(problem),
          },
          problem,
        ],
        [
          'a page of a proxy',
          { status: 502, headers: html, body: '<h1>Bad gateway</h1>' },
          {
            status: 502,
            code: 'unavailable',
            detail: 'The server answered with status 502.',
            request_id: 'r-2',
          },
        ],
        [
          'an empty answer',
          { status: 500, body: '' },
          { status: 500, code: 'internal', detail: 'The server answered with status 500.' },
        ],
        [
          'JSON of somebody else',
          { status: 403, body: '{"error":"no"}' },
          { status: 403, code: 'forbidden', detail: 'The server answered with status 403.' },
        ],
      ];
      for (const [what, said, expected] of rejections) {
        it(`rejects with ${what}`, async () => {
          answer = said;
          should(await page.call('sessions.get', 's')).deepEqual({ rejected: expected });
        });
      }

      it('rejects with status 0 when no answer comes', async () => {
        await page.page.route('**/api/v2/**', (route) => route.abort());
        const expected = { status: 0, code: 'unavailable', detail: 'The server did not answer.' };
        should(await page.call('sessions.list')).deepEqual({ rejected: expected });
        await page.page.unroute('**/api/v2/**');
      });

      it('asks for nothing when a parameter is missing or would leave the path', async () => {
        const asked: [string, unknown[], string, number][] = [
          ['sessions.get', [], 'validation_failed', 400],
          ['sessions.get', [{ limit: 1 }], 'validation_failed', 400],
          ['sessions.get', [''], 'validation_failed', 400],
          ['sessions.get', [null], 'validation_failed', 400],
          ['sessions.participant', ['s'], 'validation_failed', 400],
          ['sessions.get', ['..'], 'not_found', 404],
          ['users.get', ['.'], 'not_found', 404],
        ];
        for (const [name, args, code, status] of asked) {
          should(await page.call(name, ...args)).containDeep({ rejected: { code, status } });
        }
        should(await page.run("client.users.get('\\ud800').state()")).equal('rejected');
        should(heard).deepEqual([]);
      });

      it('gives promises of jQuery', async () => {
        const parts = await page.run<boolean[]>(`var promise = client.sessions.list();
          ['done', 'fail', 'always', 'then', 'state'].map(function (name) { return typeof promise[name] === 'function'; })`);
        should(parts).matchEach(true);
        should(await page.run('typeof client.sessions.list().resolve')).equal('undefined');
      });
    });
  }
});
