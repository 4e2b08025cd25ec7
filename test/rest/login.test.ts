import should from 'should';
import { decodeJwt } from 'jose';
import { eachDatabase } from '../support/databases';
import { APP_KEY, TestServer } from '../support/server';
import { Api } from './api';

const DAY_MS = 24 * 60 * 60_000;

eachDatabase('Login', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_DATABASE_URL: await database.freshUrl() });
    await api.server.users('D1', 'D2', 'P1');
  });
  after(() => api.stop());

  const login = (body: object, caller = 'backend') => api.post(caller, '/users/login', body);
  const worksFor = async (token: string) =>
    (await api.server.request('get', '/application/badge_no', token)).status;

  it('gives a token of 7 days for the user, who is shown without openid', async () => {
    const now = Date.now();
    const { body, status } = await login({
      user_id: 'P1',
      user_type: 'patient',
      platform: 'wechat',
      client_id: 'c',
    });
    status.should.equal(200);
    should(body.token_type).equal('Bearer');
    should(body.user).eql({
      id: 'P1',
      type: 'patient',
      name: 'P1的名字',
      sex: 0,
      birthdate: null,
      avatar: null,
    });
    const expires = Date.parse(body.expires_at as string);
    expires.should.be.within(now + 7 * DAY_MS - 1000, Date.now() + 7 * DAY_MS);
    const claims = decodeJwt(body.token as string);
    should(claims.sub).equal('P1');
    should(claims.exp).equal(expires / 1000);
    (await worksFor(body.token as string)).should.equal(200);
  });

  it('notes platform and activity', async () => {
    await login({ user_id: 'D1', user_type: 'doctor', platform: 'android' });
    await api.put('backend', '/users/D1/status', { in_background: true });
    await login({ user_id: 'D1', user_type: 'doctor' });
    const { body } = await api.get('backend', '/users/D1/status');
    should(body).containEql({ platform: 'android', in_background: false, online: false });
    Date.parse(body.last_active_time as string).should.be.approximately(Date.now(), 5000);
  });

  it('of a new user as two types at once, where it makes users, is of the first one', async () => {
    const open = await Api.start({ IM_PROFILE: 'dev', IM_DATABASE_URL: await database.freshUrl() });
    try {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const answers = await Promise.all(
          [0, 1, 2, 3].map((turn) =>
            open.post('backend', '/users/login', {
              user_id: `new${attempt}`,
              user_type: turn % 2 === 0 ? 'doctor' : 'patient',
            }),
          ),
        );
        answers
          .map(({ status }) => status)
          .sort()
          .should.eql([200, 200, 400, 400]);
      }
    } finally {
      await open.stop();
    }
  });

  it('refuses the unknown, the other type, a user and nobody', async () => {
    const unknown = await login({ user_id: 'X1', user_type: 'doctor' });
    should([unknown.status, unknown.body.code]).eql([404, 'not_found']);
    (await api.get('backend', '/users/X1')).status.should.equal(404);
    const other = await login({ user_id: 'D1', user_type: 'patient' });
    should([other.status, other.body.errors[0].path]).eql([400, 'user_type']);
    const user = await login({ user_id: 'D2', user_type: 'doctor' }, 'D1');
    should([user.status, user.body.code]).eql([403, 'forbidden']);
    (await login({ user_id: 'D1', user_type: 'doctor' }, 'nobody')).status.should.equal(401);
  });

  it('logout ends this token and no other of the user', async () => {
    const [first, second] = [await api.server.token('D2'), await api.server.token('D2')];
    (await api.server.request('post', '/users/logout', first)).status.should.equal(204);
    (await worksFor(first)).should.equal(401);
    (await api.server.request('post', '/users/logout', first)).status.should.equal(401);
    (await worksFor(second)).should.equal(200);
    (await api.server.request('post', '/users/logout', second).send({ user_id: 'D2' })).status.should.equal(
      204,
    );
    (await worksFor(second)).should.equal(401);
  });

  it("the backend ends all tokens of a user, and nobody else's; later ones work", async () => {
    const [first, second, other] = [
      await api.server.token('D2'),
      await api.server.token('D2'),
      await api.server.token('D1'),
    ];
    for (const token of [first, second, other]) (await worksFor(token)).should.equal(200);
    (await api.post('backend', '/users/logout', { user_id: 'D2' })).status.should.equal(204);
    for (const token of [first, second]) (await worksFor(token)).should.equal(401);
    (await worksFor(other)).should.equal(200);
    (await worksFor(await api.server.token('D2'))).should.equal(200);
    const unknown = await api.post('backend', '/users/logout', { user_id: 'X1' });
    unknown.status.should.equal(404);
  });

  it('a token is a secret of one server: another token secret refuses it', async () => {
    const other = await TestServer.start({ IM_TOKEN_SECRET: 'another-secret-of-thirty-two-bytes-or-more' });
    try {
      await other.users('D1');
      const token = await api.server.token('D1');
      (await other.request('get', '/application/badge_no', token)).status.should.equal(401);
      (await other.request('get', '/application/badge_no', await other.token('D1'))).status.should.equal(200);
    } finally {
      await other.stop();
    }
  });

  it('a token whose middle was changed is refused', async () => {
    const [header, payload, signature] = (await api.server.token('D1')).split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'D2' })).toString('base64url');
    (await worksFor(`${header}.${forged}.${signature}`)).should.equal(401);
    (await worksFor(`${header}.${payload}.${signature}`)).should.equal(200);
  });
});

describe('App keys', () => {
  it('old and new hold while keys are rotated, and then the old one no more', async () => {
    const status = async (keys: string, key: string) => {
      const server = await TestServer.start({ IM_APP_KEY: keys });
      try {
        const request = server.request('put', '/users/D1').set('X-IM-App-Key', key);
        return (await request.send({ type: 'doctor', name: 'x' })).status;
      } finally {
        await server.stop();
      }
    };
    (await status('old-key,new-key', 'old-key')).should.equal(201);
    (await status('old-key, new-key', 'new-key')).should.equal(201);
    (await status('old-key,new-key', 'old-key,new-key')).should.equal(401);
    (await status('new-key', 'old-key')).should.equal(401);
    (await status('new-key', 'new-ke')).should.equal(401);
    (await status('new-key', 'new-key2')).should.equal(401);
  });
});

eachDatabase('Login in the dev profile', (database) => {
  let api: Api;
  before(async () => {
    api = await Api.start({ IM_PROFILE: 'dev', IM_DATABASE_URL: await database.freshUrl() }, { demo: false });
  });
  after(() => api.stop());

  it('needs no key, and makes whoever is unknown, with the id as the name', async () => {
    const first = await api.post('nobody', '/users/login', { user_id: 'P77', user_type: 'patient' });
    should([first.status, first.body.user.name]).eql([200, 'P77']);
    await api.put('backend', '/users/P77', { type: 'patient', name: '王小明' });
    const again = await api.post('nobody', '/users/login', { user_id: 'P77', user_type: 'patient' });
    should([again.status, again.body.user.name]).eql([200, '王小明']);
    const other = await api.post('nobody', '/users/login', { user_id: 'P77', user_type: 'doctor' });
    should([other.status, other.body.errors[0].path]).eql([400, 'user_type']);
  });

  it('an id may be longer than a name: then its beginning is the name', async () => {
    for (const length of [100, 101, 128]) {
      const id = `D${'x'.repeat(length - 1)}`;
      const { body, status } = await api.post('nobody', '/users/login', { user_id: id, user_type: 'doctor' });
      should([status, body.user]).containDeep([200, { id, name: id.slice(0, 100) }]);
    }
  });

  it('takes a user too, as anybody; but a wrong key or token is still wrong', async () => {
    const by = await api.post('P77', '/users/login', { user_id: 'D77', user_type: 'doctor' });
    by.status.should.equal(200);
    const request = () =>
      api.server.request('post', '/users/login').send({ user_id: 'D77', user_type: 'doctor' });
    (await request().set('X-IM-App-Key', 'wrong')).status.should.equal(401);
    (await request().unset('X-IM-App-Key').set('Authorization', 'Bearer wrong')).status.should.equal(401);
    (await request().set('X-IM-App-Key', APP_KEY)).status.should.equal(200);
  });

  it('made by twenty at once, a user is one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        api.post('nobody', '/users/login', { user_id: 'D88', user_type: 'doctor' }),
      ),
    );
    answers.map(({ status }) => status).should.eql(Array(20).fill(200));
  });

  it('opens nothing else', async () => {
    (await api.put('nobody', '/users/D99', { type: 'doctor', name: 'x' })).status.should.equal(401);
    (await api.put('D77', '/users/D99', { type: 'doctor', name: 'x' })).status.should.equal(403);
    (await api.post('nobody', '/users/logout', { user_id: 'D77' })).status.should.equal(401);
  });
});
