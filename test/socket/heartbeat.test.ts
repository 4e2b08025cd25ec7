import should from 'should';
import { SignJWT } from 'jose';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestServer, TOKEN_SECRET } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';

// Who answers must not miss two pings where the machine is busy.
const BEAT_MS = 500;

describe('The heartbeat of a socket', () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start({ IM_HEARTBEAT_MS: String(BEAT_MS) });
    await server.users('P');
    await server.session('s', 1, 'P');
  });

  after(async () => {
    await terminateAll();
    await server.stop();
  });

  it('drops a peer that misses two pings, and no other', async () => {
    const token = await server.token('P');
    const living = await connect(server.url);
    const { data } = await living.login(token, 's');
    should(data.heartbeat_interval_ms).equal(BEAT_MS);
    const nobody = await connect(server.url, { autoPong: false });
    const since = performance.now();
    const dead = await connect(server.url, { autoPong: false });
    should((await dead.login(token, 's')).type).equal('login_ok');
    // Cut, not closed: who does not answer pings would not answer that either.
    should((await dead.closed).code).equal(1006);
    // From one ping to the third; timers are a few ms out.
    (performance.now() - since).should.be.within(2 * BEAT_MS - 20, 20 * BEAT_MS);
    should((await nobody.closed).code).equal(1006);
    await sleep(4 * BEAT_MS);
    should((await living.request('ping')).type).equal('pong');
    server.context.sockets.all.size.should.equal(1);
    const { body } = await server.request('get', '/users/P/status').expect(200);
    should(body.online).be.true();
  });

  it('closes a socket whose token has expired with 4401', async () => {
    const token = await new SignJWT({ user_type: 'patient', generation: 0 })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('P')
      .setJti('short')
      .setExpirationTime(Math.floor(Date.now() / 1000) + 3)
      .sign(new TextEncoder().encode(TOKEN_SECRET));
    const socket = await connect(server.url);
    should((await socket.login(token, 's')).type).equal('login_ok');
    should((await socket.closed).code).equal(4401);
  });
});
