import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const BURST = 200;
const A_SECOND = 50;
const PAGE_BYTES = 512 * 1024;

describe('What one socket may ask for', () => {
  let server: TestServer;

  const start = async (environment: Record<string, string> = {}) => {
    server = await TestServer.start(environment);
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
    await server.session('t', 3, 'D', 'P');
  };

  afterEach(async () => {
    await terminateAll();
    await server.stop();
  });

  /** The server's side of the only socket that the user has. */
  const serversSide = (user: string) => [...server.context.sockets.ofUser(user)][0]!.ws;

  /** More than a page of messages. */
  const fill = async () => {
    const content = { text: 'x'.repeat(100_000) };
    for (let count = 0; count < 6; count += 1)
      await server.request('post', '/sessions/s/messages').send({ type: 0, content }).expect(201);
  };

  it('beyond a burst of 200 frames waits, 50 a second, in order, and holds up nobody else', async () => {
    await start();
    const [busy, other] = [await server.socket('P', 's'), await server.socket('D', 's')];
    const more = 60;
    const since = performance.now();
    // The login was a frame, too.
    const answers = Array.from({ length: BURST - 1 + more }, () => busy.request('ping'));
    await answers[BURST - 2];
    await waitUntil(
      () => serversSide('P').isPaused,
      20_000,
      () => 'the socket is read on',
    );
    should((await other.request('ping')).type).equal('pong');
    should((await Promise.all(answers)).map(({ ref }) => ref)).eql(
      answers.map((_, index) => `r${index + 2}`),
    );
    // What is filled up while the burst is served counts as well: a little less than the time for `more`.
    (performance.now() - since).should.be.above((more / A_SECOND) * 1000 - 300);
    serversSide('P').isPaused.should.be.false();
  });

  it('is all answered, also what the socket was paused with', async () => {
    await start();
    const busy = await server.socket('P', 's');
    const requests = Array.from({ length: 230 }, (_, index) =>
      busy.request(index % 2 === 0 ? 'sync' : 'read', index % 2 === 0 ? { after: 0 } : { message_id: 1 }),
    );
    const types = (await Promise.all(requests)).map(({ type }) => type);
    should(types.filter((type) => type === 'sync_ok').length).equal(115);
    should(types.filter((type) => type === 'error').length).equal(115);
  });

  it('is passed on twice a second at most when it is typing, the last of it in any case', async () => {
    await start();
    const typist = await server.socket('P', 's');
    const readers = [await server.socket('D', 's'), await server.socket('D', 't')];
    const since = performance.now();
    for (let count = 0; count < 40; count += 1)
      for (const session_id of ['s', 't']) typist.send('typing', { session_id, typing: count % 2 === 0 });
    await sleep(900);
    const toldTo = (reader: SocketClient) =>
      reader.frames.filter(({ type }) => type === 'typing').map(({ data }) => data.typing as boolean);
    await waitUntil(
      () => readers.every((reader) => toldTo(reader).at(-1) === false),
      20_000,
      () => 'the last one has not come',
    );
    const seconds = (performance.now() - since) / 1000;
    for (const reader of readers) {
      const told = toldTo(reader);
      should(told[0]).be.true();
      should(told.length).be.within(2, 1 + Math.ceil(2 * seconds));
    }
  });

  it('is one long answer at a time: 200 syncs of 512 KiB are not in memory at once', async function () {
    this.timeout(60_000);
    await start();
    await fill();
    const slow = await server.socket('P', 's');
    slow.pause();
    const answers = Array.from({ length: BURST - 1 }, () => slow.request('sync', { after: 0 }, 40_000));
    await waitUntil(
      () => serversSide('P').bufferedAmount > PAGE_BYTES / 2,
      15_000,
      () => 'nothing is answered',
    );
    let most = serversSide('P').bufferedAmount;
    for (let time = 0; time < 50; time += 1) {
      await sleep(10);
      most = Math.max(most, serversSide('P').bufferedAmount);
    }
    most.should.be.below(PAGE_BYTES + 64 * 1024);
    slow.resume();
    for (const answer of answers) {
      const { data, type } = await answer;
      should([type, data.items.length, data.more]).eql(['sync_ok', 5, true]);
    }
  });

  it('is dropped with 1013 where it never reads a long answer, however much else it says', async function () {
    this.timeout(60_000);
    await start({ IM_HEARTBEAT_MS: '300' });
    await fill();
    const late = await server.socket('P', 's');
    const never = await server.socket('D', 's');
    const sides = [serversSide('P'), serversSide('D')];
    let most = 0;
    for (const each of [late, never]) each.pause();
    // They ask on and on, so that they seem alive, and read nothing.
    await waitUntil(
      () => {
        for (const each of [late, never]) each.send('sync', { after: 0 });
        most = Math.max(most, ...sides.map(({ bufferedAmount }) => bufferedAmount));
        return sides.every(({ OPEN, readyState }) => readyState !== OPEN);
      },
      15_000,
      () => 'they are still served',
    );
    most.should.be.below(PAGE_BYTES + 64 * 1024);
    late.resume();
    should((await late.closed).code).equal(1013);
    // One that does not read this, either, is cut off.
    await waitUntil(
      () => server.context.sockets.all.size === 0,
      20_000,
      () => 'the sockets are still there',
    );
  });
});
