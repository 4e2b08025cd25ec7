import { type CallRow } from '../../src/db/schema';
import { findCall } from '../../src/model/calls';
import { type Connection } from '../../src/push/sockets/connection';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { connect, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const RECONNECT_MS = 4_000;
/** Longer than a process takes to read a call's row, shorter than it waits for the life of another one's socket. */
const SOON_MS = 300;

eachDatabase('A call with a socket that closes', (database) => {
  let server: TestServer;
  let caller: SocketClient;
  let callee: SocketClient;
  let sessions = 0;
  let session: string;

  before(async () => {
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_CALL_RECONNECT_MS: String(RECONNECT_MS),
    });
    await server.users('D1', 'P1');
  });
  after(() => server.stop());

  beforeEach(async () => {
    session = `s${++sessions}`;
    await server.session(session, 1, 'D1', 'P1');
    caller = await server.socket('D1', session);
    callee = await server.socket('P1', session);
  });
  afterEach(terminateAll);

  /** A call that was taken. @param signalled whether its caller has sent a signal */
  async function taken(signalled: boolean): Promise<CallRow> {
    const { call_id: id } = (await caller.request('call_invite', { media: 'video' })).data;
    callee.send('call_accept', { call_id: id });
    await caller.next('call_accept');
    if (signalled) {
      caller.send('call_signal', { call_id: id, signal: 'offer' });
      await callee.next('call_signal');
    }
    return (await findCall(server.context.database.kysely, id as string))!;
  }

  /** The server's end of the user's newest socket. */
  const newestOf = (user: string) => [...server.context.sockets.ofUser(user)].at(-1)!;

  /** The server notices that the socket has closed. @returns when the call's row says so */
  function closes(socket: Connection): Promise<void> {
    server.context.sockets.remove(socket);
    return server.context.calls.socketGone(socket);
  }

  const write = (id: string, row: Partial<CallRow>) =>
    server.context.database.kysely.updateTable('calls').set(row).where('id', '=', id).execute();

  it('gives its place to the next one by a signal that comes before the row says so', async () => {
    const { id } = await taken(true);
    const closed = newestOf('P1');
    await server.socket('P1', session);
    const gone = closes(closed);
    await server.context.calls.signal(newestOf('P1'), id, 'back');
    await gone;
    (await caller.next('call_signal')).data.signal.should.equal('back');
  });

  it('gives its place to the next one by a signal while another process writes that it has closed', async () => {
    const { id } = await taken(true);
    await write(id, { callee_socket: 'another/1' });
    const back = await server.socket('P1', session);
    back.send('call_signal', { call_id: id, signal: 'back' });
    setTimeout(() => void write(id, { callee_socket: '' }), SOON_MS);
    (await caller.next('call_signal')).data.signal.should.equal('back');
  });

  /** A socket whose peer has changed its network: the server does not hear that it is of no use any more. */
  async function silent(user: string, userType: 'doctor' | 'patient'): Promise<SocketClient> {
    const socket = await connect(server.url, { autoPong: false });
    await socket.login(await server.token(user), session, userType);
    return socket;
  }

  it('gives its place to the next one where its peer does not answer, and is cut off', async () => {
    callee = await silent('P1', 'patient');
    const { id } = await taken(true);
    const back = await server.socket('P1', session);
    back.send('call_signal', { call_id: id, signal: 'back' });
    back.send('call_signal', { call_id: id, signal: 'and on' });
    (await caller.next('call_signal')).data.signal.should.equal('back');
    (await caller.next('call_signal')).data.signal.should.equal('and on');
    (await callee.closed).code.should.equal(1006);
    caller.send('call_signal', { call_id: id, signal: 'welcome' });
    (await back.next('call_signal')).data.signal.should.equal('welcome');
  });

  it('is given up also by a caller whose peer does not answer, while it rings', async () => {
    caller = await silent('D1', 'doctor');
    const { call_id: id } = (await caller.request('call_invite', { media: 'video' })).data;
    const back = await server.socket('D1', session);
    (await caller.closed).code.should.equal(1006);
    await waitUntil(
      async () =>
        (await findCall(server.context.database.kysely, id as string))?.caller_socket === newestOf('D1').id,
      20_000,
      () => 'the caller who is back has no place',
    );
    callee.send('call_accept', { call_id: id });
    await back.next('call_accept');
  });

  it('keeps its place where its peer answers, however often another one asks', async () => {
    const { id } = await taken(true);
    const second = await server.socket('P1', session);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const { data } = await second.request('call_signal', { call_id: id, signal: 'mine' });
      data.code.should.equal('not_found');
    }
    callee.send('call_signal', { call_id: id, signal: 'first' });
    (await caller.next('call_signal')).data.signal.should.equal('first');
  });

  for (const [signalled, tells] of [
    [true, 'does not tell a caller again who has sent a signal'],
    [false, 'tells a caller who has sent no signal'],
  ] as const) {
    it(`${tells} that it was taken, before the row says that the socket has closed`, async () => {
      await taken(signalled);
      const closed = newestOf('D1');
      const back = await server.socket('D1', session);
      const gone = closes(closed);
      await server.context.calls.ringFor(newestOf('D1'));
      await gone;
      if (signalled) await back.expectNothing('call_accept');
      else await back.next('call_accept');
    });
  }

  it('tells its caller that it was taken while another process writes that the socket has closed', async () => {
    const { id } = await taken(false);
    await write(id, { caller_socket: 'another/1' });
    const back = await server.socket('D1', session);
    setTimeout(() => void write(id, { caller_socket: '-' }), SOON_MS);
    (await back.next('call_accept')).data.call_id.should.equal(id);
  });

  it('is without it also when it closes while the invite is written', async () => {
    const socket = newestOf('D1');
    await closes(socket);
    const id = await server.context.calls.invite(socket, session, 'audio');
    await waitUntil(
      async () => (await findCall(server.context.database.kysely, id))?.caller_socket === '',
      20_000,
      () => 'the row still has the socket',
    );
  });
});
