import { SignJWT } from 'jose';
import should from 'should';
import { eachDatabase } from '../support/databases';
import { TOKEN_SECRET } from '../support/server';
import { Api, checkAnswer, ROUTES } from './api';
import { buildRequest, makePlace, type Place, ROUTE_CASES } from './route-cases';

/** A token of D1's that is right in everything but what `change` says. */
async function tokenOf(change: { secret?: string; expires?: number; algorithm?: string }): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ user_type: 'doctor', generation: 0 })
    .setProtectedHeader({ alg: change.algorithm ?? 'HS256', typ: 'JWT' })
    .setSubject('D1')
    .setJti('a-token-of-the-tests')
    .setIssuedAt(now - 1000)
    .setExpirationTime(now + (change.expires ?? 1000))
    .sign(new TextEncoder().encode(change.secret ?? TOKEN_SECRET));
}

const unsigned = () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = { user_type: 'doctor', generation: 0, sub: 'D1', jti: 'x', exp: 4102444800 };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(payload)}.`;
};

/** Credentials that open no route. */
const REFUSED: Record<string, () => Promise<Record<string, string>>> = {
  nobody: () => Promise.resolve({}),
  'a wrong app key': () => Promise.resolve({ 'X-IM-App-Key': 'wrong' }),
  'an empty app key': () => Promise.resolve({ 'X-IM-App-Key': '' }),
  'a wrong app key beside a good token': async () => ({
    'X-IM-App-Key': 'wrong',
    Authorization: `Bearer ${await tokenOf({})}`,
  }),
  'an expired token': async () => ({ Authorization: `Bearer ${await tokenOf({ expires: -1 })}` }),
  'a forged token': async () => ({ Authorization: `Bearer ${await tokenOf({ secret: 'x'.repeat(32) })}` }),
  'another algorithm': async () => ({ Authorization: `Bearer ${await tokenOf({ algorithm: 'HS512' })}` }),
  'an unsigned token': () => Promise.resolve({ Authorization: `Bearer ${unsigned()}` }),
  'no bearer': () => Promise.resolve({ Authorization: 'Basic RDE6eA==' }),
  'an empty bearer': () => Promise.resolve({ Authorization: 'Bearer ' }),
};

describe('Route cases', () => {
  it('hold one for every route, and none for what is no route', () => {
    const mounted = ROUTES.map(({ full, method }) => `${method} ${full}`);
    mounted.sort().should.eql(Object.keys(ROUTE_CASES).sort());
  });
});

eachDatabase('Rights', (database) => {
  let api: Api;
  let place: Place;

  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'D3', 'P1', 'P2');
    place = await makePlace(api);
    // The tokens made here are of a user whose token is known to hold.
    await api.token('D1');
  });
  after(() => api.stop());

  it('take a token that is made as the tests make theirs', async () => {
    const request = api.server.request('get', '/application/badge_no', await tokenOf({}));
    (await request).status.should.equal(200);
  });

  for (const { full, method, who } of ROUTES) {
    const route = ROUTE_CASES[`${method} ${full}`];
    if (route === undefined) continue;
    const send = async (caller: string, named?: string) => {
      const { path, body } = buildRequest(full, route, place, named);
      return api.call(caller, method, path, body);
    };

    describe(`${method} ${full}`, () => {
      it('refuses whoever has no good credentials: 401', async () => {
        const { path, body } = buildRequest(full, route, place);
        for (const [title, headers] of Object.entries(REFUSED)) {
          const name = method.toLowerCase() as 'get';
          const request = api.server
            .request(name, path)
            .unset('X-IM-App-Key')
            .set(await headers());
          const response = await (body === undefined ? request : request.send(body));
          checkAnswer(method, path, response);
          should([response.status, response.body.code]).eql([401, 'unauthenticated'], title);
        }
      });

      if (who === 'user') {
        it(`takes the user, and the backend for the user: ${route.status}`, async () => {
          for (const caller of ['D1', 'backend']) {
            const own = await makePlace(api);
            const { path, body } = buildRequest(full, route, own, caller === 'backend' ? 'D1' : undefined);
            // A logout ends the token that others here still use.
            const user = path === '/users/logout' ? { ...body, user_id: 'D3' } : body;
            const as = caller === 'D1' && path === '/users/logout' ? 'D3' : caller;
            const answer = await api.call(as, method, path, user);
            answer.status.should.equal(route.status, JSON.stringify(answer.body));
          }
        });
      } else {
        it(`takes the backend: ${route.status}; a user is forbidden`, async () => {
          (await send('backend')).status.should.equal(route.status);
          const refused = await send('D1');
          should([refused.status, refused.body.code]).eql([403, 'forbidden']);
        });
      }

      it(`gives an outsider ${route.outsider}`, async () => {
        // The outsider's own logout would end its token.
        if (full === '/users/logout') return;
        const answer = await send('D2');
        answer.status.should.equal(route.outsider, JSON.stringify(answer.body));
      });

      if (route.names !== undefined) {
        it("refuses a user who names somebody else's id: 403", async () => {
          const answer = await send('D1', 'P1');
          should([answer.status, answer.body.code]).eql([403, 'forbidden']);
        });

        it('tells the backend that the one it names is not known, or not there', async () => {
          const expected = route.names === 'sender' ? 400 : 404;
          for (const named of ['nobody-known', ...(route.outsider === 404 ? ['D2'] : [])]) {
            const answer = await send('backend', named);
            answer.status.should.equal(expected, JSON.stringify(answer.body));
          }
        });
      }
    });
  }
});
