import should from 'should';
import { SignJWT } from 'jose';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { eachDatabase } from '../support/databases';
import { TestServer, TOKEN_SECRET } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';

const LOGIN_LIMIT_MS = 10_000;

interface TokenChange {
  secret?: string;
  alg?: string;
  claims?: Record<string, unknown>;
  jti?: string | null;
  expiresInSeconds?: number;
}

/** A token as the server would sign it for the patient `P`, but for what `change` says. */
async function forge(change: TokenChange = {}): Promise<string> {
  const { alg = 'HS256', claims = {}, expiresInSeconds = 60, jti = 'forged', secret = TOKEN_SECRET } = change;
  const jwt = new SignJWT({ user_type: 'patient', generation: 0, ...claims })
    .setProtectedHeader({ alg, typ: 'JWT' })
    .setSubject('P')
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds);
  if (jti !== null) jwt.setJti(jti);
  return await jwt.sign(new TextEncoder().encode(secret));
}

function unsigned(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

const CLAIMS = { sub: 'P', jti: 'x', user_type: 'patient', generation: 0, exp: 4_000_000_000 };

eachDatabase('The login of a socket', (database) => {
  let server: TestServer;
  let doctor: string;
  let patient: string;
  let idle: { closed: Promise<number>; since: number };

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    // Waits, through all that follows, for the end of the time to log in.
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`);
    // What is no login does not help.
    socket.once('open', () => socket.send('{"type":"ping"}'));
    idle = {
      closed: new Promise((resolve) => socket.once('close', (code) => resolve(code))),
      since: Date.now(),
    };
    await server.users('D', 'D2', 'P', 'P2');
    await server.session('s', 3, 'D', 'P');
    await server.session('t', 3, 'D', 'D2', 'P2');
    await server.session('empty', 1, 'D', 'D2');
    doctor = await server.token('D');
    patient = await server.token('P');
  });

  after(async () => {
    await terminateAll();
    await server.stop();
  });

  const REFUSALS: {
    title: string;
    data: () => Promise<Record<string, unknown>> | Record<string, unknown>;
    code: 'unauthenticated' | 'not_found' | 'validation_failed';
    close: number;
  }[] = [
    ...[undefined, null, 5, '', 'nonsense', 'a.b.c', {}].map((token) => ({
      title: `token ${JSON.stringify(token)}`,
      data: () => ({ token, session_id: 's', user_type: 'patient' }),
      code: 'unauthenticated' as const,
      close: 4401,
    })),
    ...(
      [
        ['of another secret', () => forge({ secret: 'x'.repeat(40) })],
        ['that has expired', () => forge({ expiresInSeconds: -1 })],
        ['without signature', () => unsigned(CLAIMS)],
        ['of another algorithm', () => forge({ alg: 'HS512' })],
        ['without jti', () => forge({ jti: null })],
        ['without generation', () => forge({ claims: { generation: undefined } })],
        ['of an older generation', () => forge({ claims: { generation: -1 } })],
        ['of no known type', () => forge({ claims: { user_type: 'admin' } })],
        ['that was tampered with', async () => `${(await forge()).slice(0, -4)}AAAA`],
      ] as const
    ).map(([title, token]) => ({
      title: `a token ${title}`,
      data: async () => ({ token: await token(), session_id: 's', user_type: 'patient' }),
      code: 'unauthenticated' as const,
      close: 4401,
    })),
    ...(
      [
        ['no user_type', () => ({ token: patient, session_id: 's' })],
        ['an unknown user_type', () => ({ token: patient, session_id: 's', user_type: 'admin' })],
        ["another's user_type", () => ({ token: patient, session_id: 's', user_type: 'doctor' })],
        ['no session of a patient', () => ({ token: patient, user_type: 'patient' })],
        ['a null session of a patient', () => ({ token: patient, session_id: null, user_type: 'patient' })],
        ['a session that is no id', () => ({ token: patient, session_id: 'a b', user_type: 'patient' })],
        ['a session that is a number', () => ({ token: doctor, session_id: 5, user_type: 'doctor' })],
        ['a NUL in the token', () => ({ token: 'a\0b', user_type: 'doctor' })],
        ['a NUL in the session', () => ({ token: doctor, session_id: 'a\0', user_type: 'doctor' })],
        ['half a character', () => ({ token: doctor, user_type: '\ud800' })],
        ['nesting deeper than 32', () => ({ token: doctor, user_type: 'doctor', more: nested(40) })],
      ] as const
    ).map(([title, data]) => ({ title, data, code: 'validation_failed' as const, close: 4400 })),
    ...(
      [
        ['an unknown session', () => ({ token: doctor, session_id: 'nowhere', user_type: 'doctor' })],
        ["others' session", () => ({ token: patient, session_id: 't', user_type: 'patient' })],
        ['a session in other case', () => ({ token: patient, session_id: 'S', user_type: 'patient' })],
      ] as const
    ).map(([title, data]) => ({ title, data, code: 'not_found' as const, close: 4404 })),
  ];

  for (const { title, data, code, close } of REFUSALS) {
    it(`is refused with ${code} and ${close} for ${title}`, async () => {
      const socket = await connect(server.url);
      socket.send('login', await data(), 'my-ref');
      const answer = await socket.next('error');
      should(answer.ref).equal('my-ref');
      should(answer.data.code).equal(code);
      should(answer.data.detail).be.a.String();
      should(answer.data.errors !== undefined).equal(code === 'validation_failed');
      (await socket.closed).code.should.equal(close);
      socket.frames.length.should.equal(1);
      should(server.context.sockets.all.size).equal(0);
    });
  }

  it('takes a token that is signed right', async () => {
    const socket = await connect(server.url);
    should(await socket.login(await forge(), 's', 'patient')).have.property('type', 'login_ok');
    await socket.close();
  });

  it('tells where the session stands', async () => {
    const empty = await connect(server.url);
    should(await empty.login(doctor, 'empty', 'doctor')).eql({
      type: 'login_ok',
      data: {
        user_id: 'D',
        session_id: 'empty',
        last_message_id: 0,
        last_recall_id: 0,
        unread_count: 0,
        heartbeat_interval_ms: 30_000,
      },
      ref: 'r1',
    });
    await server.send('s', 'P', 'one');
    await server.send('s', 'D', 'own');
    const last = await server.send('s', 'P', 'two');
    const bound = await connect(server.url);
    should((await bound.login(doctor, 's', 'doctor')).data).containEql({
      session_id: 's',
      last_message_id: last.id,
      unread_count: 2,
    });
    const other = await server.send('t', 'P2', 'three');
    const unbound = await connect(server.url);
    const { data } = await unbound.login(doctor, undefined, 'doctor');
    should(data).containEql({ user_id: 'D', session_id: null, last_message_id: null, unread_count: 3 });
    const sessions = data.sessions as { session_id: string; last_message_id: number }[];
    should(sessions.sort((a, b) => (a.session_id < b.session_id ? -1 : 1))).eql([
      { session_id: 'empty', last_message_id: 0, last_recall_id: 0 },
      { session_id: 's', last_message_id: last.id, last_recall_id: 0 },
      { session_id: 't', last_message_id: other.id, last_recall_id: 0 },
    ]);
    await terminateAll();
  });

  it('comes before anything else, and once', async () => {
    const socket = await connect(server.url);
    const early = await socket.request('ping');
    should(early).containEql({ type: 'error' });
    should(early.data.code).equal('unauthenticated');
    should((await socket.request('message', { type: 1, content: 'x' })).data.code).equal('unauthenticated');
    should((await socket.login(patient, 's')).type).equal('login_ok');
    const second = await socket.login(patient, 's');
    should(second.type).equal('error');
    should(second.data.code).equal('validation_failed');
    should((await socket.request('ping')).type).equal('pong');
    // A second one on the heels of the first is the second, too.
    const hasty = await connect(server.url);
    const [first, again, ping] = await Promise.all([
      hasty.login(patient, 's'),
      hasty.login(doctor, 's', 'doctor'),
      hasty.request('ping'),
    ]);
    should([first.type, again.data.code, ping.type]).eql(['login_ok', 'validation_failed', 'pong']);
    await terminateAll();
  });

  it('ends with the token: a logout closes the sockets that came with it, and no others', async () => {
    const [first, second] = await Promise.all([server.token('P'), server.token('P')]);
    const sockets = await Promise.all([connect(server.url), connect(server.url), connect(server.url)]);
    await sockets[0].login(first, 's');
    await sockets[1].login(first, 's');
    await sockets[2].login(second, 's');
    await server.request('post', '/users/logout', first).send({}).expect(204);
    should((await sockets[0].closed).code).equal(4401);
    should((await sockets[1].closed).code).equal(4401);
    should((await sockets[2].request('ping')).type).equal('pong');
    const late = await connect(server.url);
    should((await late.login(first, 's')).data.code).equal('unauthenticated');
    should((await late.closed).code).equal(4401);
  });

  it("ends with all of the user's tokens when the platform revokes them", async () => {
    const bound = await server.socket('D2', 't');
    const unbound = await server.socket('D2');
    const others = await server.socket('D', 't');
    const token = await server.token('D2');
    await server.request('post', '/users/logout').send({ user_id: 'D2' }).expect(204);
    should((await bound.closed).code).equal(4401);
    should((await unbound.closed).code).equal(4401);
    should((await others.request('ping')).type).equal('pong');
    const late = await connect(server.url);
    should((await late.login(token, undefined, 'doctor')).data.code).equal('unauthenticated');
    await (await server.socket('D2', 't')).close();
  });

  it('ends with 4404 for a participant who is removed, on the sockets bound to that session', async () => {
    await server.session('leaving', 3, 'D', 'D2', 'P');
    const removed = await server.socket('D2', 'leaving');
    const elsewhere = await server.socket('D2', 't');
    const unbound = await server.socket('D2');
    const staying = await server.socket('D', 'leaving');
    await server.request('delete', '/sessions/leaving/participants/D2').expect(204);
    should((await removed.closed).code).equal(4404);
    const { items } = (await staying.next('participants')).data;
    should((items as { id: string }[]).map(({ id }) => id)).eql(['D', 'P']);
    const sent = await server.send('leaving', 'P', 'not for D2');
    should((await staying.next('message')).data.message.id).equal(sent.id);
    for (const socket of [elsewhere, unbound]) {
      should((await socket.request('ping')).type).equal('pong');
      await socket.expectNothing('message', 50);
      await socket.expectNothing('notification', 50);
    }
    should(
      (await unbound.request('message', { session_id: 'leaving', type: 1, content: 'x' })).data.code,
    ).equal('not_found');
  });

  // Once is enough for what no database has a part in.
  if (database.name !== 'sqlite') return;

  it('has 10 s, or the socket is closed with 4408', async function () {
    this.timeout(LOGIN_LIMIT_MS + 5_000);
    const late = sleep(LOGIN_LIMIT_MS + 3_000, 0, { ref: false });
    (await Promise.race([idle.closed, late])).should.equal(4408);
    (Date.now() - idle.since).should.be.aboveOrEqual(LOGIN_LIMIT_MS - 50);
  });
});
