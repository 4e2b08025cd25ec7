import should from 'should';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

eachDatabase('Devices', (database) => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('D', 'D2', 'P');
  });
  afterEach(() => server.context.database.kysely.deleteFrom('devices').execute());
  after(() => server.stop());

  async function login(user: string, phone: Record<string, unknown> = {}): Promise<string> {
    const type = user.startsWith('P') ? 'patient' : 'doctor';
    const { body } = await server
      .request('post', '/users/login')
      .send({ user_id: user, user_type: type, ...phone })
      .expect(200);
    return body.token as string;
  }

  /** `<client_id> <platform> <state>`, and `back` for one in the background. */
  async function devices(user: string): Promise<string[]> {
    const { body } = await server.request('get', `/users/${user}/devices`).expect(200);
    should(body.next).equal(null);
    return (body.items as Record<string, unknown>[]).map((each) =>
      [each.client_id, each.platform, each.state, ...(each.in_background === true ? ['back'] : [])].join(' '),
    );
  }

  const status = (token: string | undefined, user: string, body: Record<string, unknown>) =>
    server.request('put', `/users/${user}/status`, token).send({ in_background: true, ...body });

  it('are made by a login with a client_id and a platform', async () => {
    await login('D', { client_id: 'a-1_B', platform: 'ios' });
    await login('D', { client_id: 'web', platform: 'web' });
    await login('D', { client_id: 'none' });
    should(await devices('D')).eql(['a-1_B ios active']);
    const { body } = await server.request('get', '/users/D/devices').expect(200);
    should(body.items[0]).have.keys('client_id', 'platform', 'in_background', 'update_time', 'state');
    should(body.items[0].update_time).match(/^\d{4}-\d{2}-\d{2}T.*\.\d{3}Z$/);
  });

  it('are made, refreshed and sent to the background by the status', async () => {
    const token = await login('D');
    await status(token, 'D', { client_id: 'a', platform: 'android' }).expect(200);
    should(await devices('D')).eql(['a android active back']);
    // Without a client_id: the one that the token named last.
    await status(token, 'D', { in_background: false }).expect(200);
    should(await devices('D')).eql(['a android active']);
    // Without a platform: one that is known.
    await status(token, 'D', { client_id: 'a' }).expect(200);
    await status(token, 'D', { client_id: 'unknown' }).expect(200);
    should(await devices('D')).eql(['a android active back']);
    await login('D', { client_id: 'a', platform: 'android' });
    should(await devices('D')).eql(['a android active']);
    // The backend speaks for the app.
    await status(undefined, 'D', { client_id: 'a' }).expect(200);
    should(await devices('D')).eql(['a android active back']);
  });

  it('belong to who named them last', async () => {
    await login('D', { client_id: 'a', platform: 'ios' });
    await login('D2', { client_id: 'a', platform: 'ios' });
    should(await devices('D')).eql([]);
    should(await devices('D2')).eql(['a ios active']);
  });

  it('are active again when they are named again', async () => {
    const token = await login('D', { client_id: 'a', platform: 'ios' });
    await server.context.database.kysely.updateTable('devices').set({ state: 'retired' }).execute();
    await status(token, 'D', { in_background: false }).expect(200);
    should(await devices('D')).eql(['a ios retired']);
    await status(token, 'D', { in_background: false, client_id: 'a' }).expect(200);
    should(await devices('D')).eql(['a ios active']);
  });

  it('go with the token that named them last, and only with that', async () => {
    const first = await login('D', { client_id: 'a', platform: 'ios' });
    const second = await login('D', { client_id: 'b', platform: 'ios' });
    const third = await login('D', { client_id: 'a', platform: 'ios' });
    await server.request('post', '/users/logout', first).expect(204);
    should((await devices('D')).sort()).eql(['a ios active', 'b ios active']);
    await server.request('post', '/users/logout', second).expect(204);
    should(await devices('D')).eql(['a ios active']);
    await server.request('post', '/users/logout', third).expect(204);
    should(await devices('D')).eql([]);
  });

  it('all go when the backend logs the user out', async () => {
    await login('D', { client_id: 'a', platform: 'ios' });
    await login('D', { client_id: 'b', platform: 'ios' });
    await login('D2', { client_id: 'c', platform: 'ios' });
    await server.request('post', '/users/logout').send({ user_id: 'D' }).expect(204);
    should(await devices('D')).eql([]);
    should(await devices('D2')).eql(['c ios active']);
  });

  it('are removed one by one', async () => {
    const token = await login('D', { client_id: 'a', platform: 'ios' });
    await login('D2', { client_id: 'b', platform: 'ios' });
    await server.request('delete', '/users/D/devices/b', token).expect(404);
    await server.request('delete', '/users/D/devices/a', token).expect(204);
    await server.request('delete', '/users/D/devices/a', token).expect(404);
    should(await devices('D2')).eql(['b ios active']);
  });

  it('are for the user and the backend alone', async () => {
    const token = await login('D', { client_id: 'a', platform: 'ios' });
    await server.request('get', '/users/D2/devices', token).expect(403);
    await server.request('delete', '/users/D2/devices/a', token).expect(403);
    await server.request('get', '/users/nobody/devices').expect(404);
    await server.request('delete', '/users/nobody/devices/a').expect(404);
    await server.request('delete', '/users/D/devices/a%20b').expect(404);
  });

  it('have ids of 1 to 64 letters, digits, _ and -', async () => {
    const token = await login('D');
    for (const clientId of ['', 'a b', 'a/b', '文', 'x'.repeat(65), 5, null]) {
      const bad = { client_id: clientId, platform: 'ios' };
      for (const answer of [
        await server.request('post', '/users/login').send({ user_id: 'D', user_type: 'doctor', ...bad }),
        await status(token, 'D', bad),
      ]) {
        should(answer.status).equal(400);
        should(answer.body.errors[0].path).equal('client_id');
      }
    }
    should(await devices('D')).eql([]);
  });

  it('are kept also while Getui is off, and then no push is written', async () => {
    await login('P', { client_id: 'a', platform: 'ios' });
    await login('D2', { client_id: 'b', platform: 'ios' });
    await server.session('s', 3, 'D', 'D2', 'P');
    await server.send('s', 'D', 'x');
    const { kysely } = server.context.database;
    const rows = await kysely.selectFrom('notices').select(['channel', 'user_id', 'client_id']).execute();
    should(rows.map((row) => ({ ...row }))).eql([{ channel: 'wechat', user_id: 'P', client_id: null }]);
  });
});
