import net from 'node:net';
import should from 'should';
import supertest from 'supertest';
import { TestServer } from '../support/server';
import { Api, BASE } from './api';

/** What comes back for bytes sent as they are, until the server closes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('X-Request-Id', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
  });
  after(() => api.stop());

  const CASES: { title: string; given: string; kept: boolean }[] = [
    { title: "the caller's", given: 'a-Z_0.9', kept: true },
    { title: '128 characters', given: 'x'.repeat(128), kept: true },
    { title: '129 characters', given: 'x'.repeat(129), kept: false },
    { title: 'a blank', given: 'a b', kept: false },
    { title: 'a slash', given: 'a/b', kept: false },
    { title: 'letters of other scripts', given: 'é', kept: false },
  ];
  for (const { title, given, kept } of CASES) {
    it(`${title}: ${kept ? 'kept' : 'another one'}`, async () => {
      const response = await api.server.request('get', '/users/nobody').set('X-Request-Id', given);
      const id = response.headers['x-request-id'] ?? '';
      id.should.match(/^[A-Za-z0-9._-]{1,128}$/);
      (id === given).should.equal(kept);
      response.body.request_id.should.equal(id);
    });
  }

  for (const path of [
    '/',
    '/nothing',
    '/sdk/im.client.js',
    '/sdk/nothing',
    '/health/live',
    '/api/v2/docs',
    '/api/v2/users/%',
    '/api/v2/users/login',
    '/api/v2/application/badge_no',
  ]) {
    it(`is on the answer of ${path}, a new one each time`, async () => {
      const ids = new Set<string>();
      for (let time = 0; time < 2; time += 1) {
        const response = await supertest(api.server.url).get(path);
        ids.add(response.headers['x-request-id'] ?? '');
      }
      ids.size.should.equal(2);
      ids.has('').should.be.false();
    });
  }

  for (const [title, text, status] of [
    ['no HTTP', 'GARBAGE\r\n\r\n', 400],
    ['headers that are too long', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    it(`is on the answer to ${title}`, async () => {
      const answer = await exchange(api.server.port, text);
      answer.should.startWith(`HTTP/1.1 ${status} `);
      answer.should.match(/\r\nX-Request-Id: [A-Za-z0-9._-]{1,128}\r\n/);
      (await supertest(api.server.url).get('/health/live')).status.should.equal(200);
    });
  }

  it('an answer for want of credentials names the scheme', async () => {
    const response = await supertest(api.server.url).get(`${BASE}/users/D1`);
    should([response.status, response.headers['www-authenticate']]).eql([401, 'Bearer']);
  });

  it('no answer is kept by caches, and none tells what serves it', async () => {
    await api.server.users('D1');
    const response = await api.server.request('get', '/users/D1');
    should(response.headers['cache-control']).equal('no-store');
    should(response.headers['x-powered-by']).be.undefined();
    should(response.headers.etag).be.undefined();
  });
});

describe('Origins (CORS)', () => {
  const LISTED = 'https://h5.example.com';
  const OTHER = 'https://evil.example.com';
  const ALLOWED = ['authorization', 'content-type', 'x-im-app-key', 'x-request-id', 'x-requested-with'];

  const PROFILES: { title: string; environment: Record<string, string>; listed?: string; other?: string }[] =
    [
      { title: '*', environment: { IM_CORS_ORIGINS: '*' }, listed: '*', other: '*' },
      {
        title: 'the dev profile',
        environment: { IM_PROFILE: 'dev', IM_DATABASE_URL: 'sqlite::memory:' },
        listed: '*',
        other: '*',
      },
      { title: 'a list', environment: { IM_CORS_ORIGINS: `http://a.example.com,${LISTED}` }, listed: LISTED },
      { title: "the server's own alone", environment: {} },
    ];
  for (const { title, environment, listed, other } of PROFILES) {
    describe(title, () => {
      let server: TestServer;
      before(async () => {
        server = await TestServer.start(environment);
      });
      after(() => server.stop());

      for (const headers of [{}, { Origin: LISTED }]) {
        it(`an OPTIONS that is no preflight is a wrong method (${Object.keys(headers).join() || 'no'} header)`, async () => {
          const response = await supertest(server.url).options(`${BASE}/users/login`).set(headers);
          should([response.status, response.headers.allow]).eql([405, 'POST']);
        });
      }

      for (const [origin, expected] of [
        [LISTED, listed],
        [OTHER, other],
      ] as const) {
        it(`${origin}: ${expected ?? 'not allowed'}`, async () => {
          const asked = await supertest(server.url)
            .options(`${BASE}/sessions/s1/messages`)
            .set('Origin', origin)
            .set('Access-Control-Request-Method', 'POST');
          should(asked.headers['access-control-allow-origin']).equal(expected);
          should(asked.headers['x-request-id']).be.a.String();
          const answered = await supertest(server.url).get(`${BASE}/users/D1`).set('Origin', origin);
          answered.status.should.equal(401);
          should(answered.headers['access-control-allow-origin']).equal(expected);
          if (expected === undefined) return;
          asked.status.should.equal(204);
          should(asked.headers['access-control-allow-methods']).equal('GET,POST,PUT,DELETE');
          const headers = (asked.headers['access-control-allow-headers'] ?? '').toLowerCase().split(',');
          headers.sort().should.eql(ALLOWED);
          const exposed = (answered.headers['access-control-expose-headers'] ?? '').split(',');
          exposed.should.containDeep(['X-Request-Id', 'Retry-After', 'Allow']);
          // Cookies play no part: no page of another origin acts with a visitor's login.
          should(answered.headers['access-control-allow-credentials']).be.undefined();
          if (expected !== '*') should(answered.headers.vary).match(/Origin/);
        });
      }
    });
  }
});
