import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BusEvent } from '../../src/push/bus/bus';
import { eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';
import { connect, type Frame, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { Cluster } from './cluster-fixture';
import { RoughBus } from './rough-bus';

/** The ids of the recalls in a session that a socket was told of, as they came. */
const recallsOf = (socket: SocketClient, session: string): number[] =>
  socket.frames
    .filter(({ data, type }) => type === 'recall' && data.session_id === session)
    .map(({ data }) => data.id as number);

/** A socket is shown nothing of a message that it knows to be taken back, nor of one that was taken back before it was pushed. */
function checkHidden(frames: readonly Frame[], what: string): void {
  const gone = new Set<number>();
  for (const { data, type } of frames) {
    if (type === 'recall') gone.add(data.message_id as number);
    if (type !== 'message' && type !== 'message_ok') continue;
    const { content, id, reply_to: quote } = data.message;
    if (gone.has(id as number)) should(content).equal(null, `${what}: ${id}`);
    if (quote !== null && gone.has(quote.id as number)) should(quote.text).equal(null, `${what}: ${id}`);
  }
}

eachSqlServer('Recalls that overtake their messages', function (database) {
  this.timeout(90_000);
  const servers: TestServer[] = [];
  const buses: RoughBus[] = [];

  before(async () => {
    const url = await database.freshUrl();
    for (let n = 0; n < 3; n += 1) {
      const bus = new RoughBus();
      buses.push(bus);
      servers.push(await TestServer.start({ IM_DATABASE_URL: url, IM_SEND_RATE: '100000' }, {}, { bus }));
    }
    await servers[0]!.users('D1', 'D2', 'P1');
  });
  after(() => Promise.all(servers.map((server) => server.stop())));
  afterEach(terminateAll);

  const at = (number: number): TestServer => servers[number % servers.length]!;
  const recall = (server: TestServer, session: string, id: number) =>
    server.request('delete', `/sessions/${session}/messages/${id}`).expect(200);

  it('come after them, and they without their content', async () => {
    await at(0).session('late', 1, 'D1', 'P1');
    const [patient, doctor] = [await at(2).socket('P1', 'late'), await at(2).socket('D1')];
    // The first process' word of its message is lost, or comes behind the recall by the second one.
    for (let round = 0; round < 10; round += 1) {
      buses[0]!.losing = round % 2 === 0;
      const sent = await at(0).send('late', 'D1', '秘密');
      await recall(at(1), 'late', sent.id);
      for (const socket of [patient, doctor]) {
        const told = await socket.next('recall');
        should([told.data.id, told.data.message_id]).eql([round + 1, sent.id]);
        const { data } = await socket.next('message');
        should(data.message.id).equal(sent.id);
        const place = (type: string) =>
          socket.frames.findIndex(
            (frame) => frame.type === type && (frame.data.message_id ?? frame.data.message?.id) === sent.id,
          );
        place('message').should.be.below(place('recall'));
        if (buses[0]!.losing)
          should(data.message).containEql({ content: null, recalled: told.data.recalled });
      }
    }
    buses[0]!.losing = false;
  });

  for (const lossy of [false, true]) {
    it(`reach all sockets of all processes, each once and in order${lossy ? ', also what was lost' : ''}`, async () => {
      const session = lossy ? 'lossy' : 'rough';
      await at(0).session(session, 1, 'D1', 'D2', 'P1');
      const askers = await Promise.all([0, 1, 2].map((n) => at(n).socket('D1', session)));
      const watched: [SocketClient, number, string][] = [];
      const recalled: number[] = [];
      let going = true;
      const working = askers.map(async (socket, n) => {
        for (let quoted: number | null = null; going;) {
          const input = { session_id: session, type: 1, content: '秘密', reply_to: quoted };
          const { data } = await socket.request('message', input, 10_000);
          const id = data.message.id as number;
          quoted = id;
          if (Math.random() < 0.3) continue;
          recalled.push(id);
          if (Math.random() < 0.5) await recall(at(n + 1), session, id);
          else (await socket.request('recall', { message_id: id }, 10_000)).type.should.equal('recall_ok');
        }
      });
      const [patient, doctor] = [await at(0).token('P1'), await at(0).token('D2')];
      for (let n = 0; n < 18; n += 1) {
        const socket = await connect(at(n).url);
        const { data } =
          n % 2 === 0
            ? await socket.login(patient, session, 'patient')
            : await socket.login(doctor, undefined, 'doctor');
        const heads = (data.sessions ?? [data]) as { session_id: string; last_recall_id: number }[];
        watched.push([
          socket,
          heads.find((head) => head.session_id === session)!.last_recall_id,
          `login ${n}`,
        ]);
        if (lossy && n % 5 === 0) await buses[n % 3]!.lose(30);
      }
      going = false;
      await Promise.all(working);
      if (lossy) {
        const last = await at(1).send(session, 'D1', '最后');
        recalled.push(last.id);
        await Promise.all([buses[2]!.lose(60), recall(at(2), session, last.id)]);
      }
      for (const [socket, after, what] of watched) {
        const wanted = Array.from({ length: recalled.length - after }, (_, n) => after + 1 + n);
        await waitUntil(
          () => recallsOf(socket, session).length >= wanted.length,
          15_000,
          () => `${what} was told of ${recallsOf(socket, session).length} of ${wanted.length} recalls`,
        );
        should(recallsOf(socket, session)).eql(wanted, what);
        checkHidden(socket.frames, what);
      }
      for (const [n, socket] of askers.entries()) {
        await socket.request('ping');
        checkHidden(socket.frames, `asker ${n}`);
        const answered = socket.frames.filter(({ type }) => type === 'recall_ok');
        const ids = new Set(answered.map(({ data }) => data.message.id as number));
        const told = socket.frames.filter(({ type }) => type === 'recall');
        should(told.filter(({ data }) => ids.has(data.message_id as number))).eql([], `asker ${n}`);
      }
    });
  }

  it('are found by the next message of their session', async () => {
    await at(0).session('next', 1, 'D1', 'P1');
    const patient = await at(1).socket('P1', 'next');
    const first = await at(0).send('next', 'D1', '秘密');
    (await patient.next('message')).data.message.id.should.equal(first.id);
    buses[0]!.losing = true;
    await recall(at(0), 'next', first.id);
    await sleep(60);
    should(recallsOf(patient, 'next')).eql([]);
    // Reads know it at once.
    const path = `/sessions/next/messages/${first.id}`;
    should((await at(1).request('get', path)).body.content).equal(null);
    buses[0]!.losing = false;
    await at(2).send('next', 'D1', '下一条');
    (await patient.next('recall')).data.message_id.should.equal(first.id);
  });

  it('that this process stored are in every event that it tells of', async () => {
    await at(0).session('told', 1, 'D1', 'P1');
    const events: BusEvent[] = [];
    buses[1]!.listen({ event: (event) => void events.push(event) });
    const sent = await at(0).send('told', 'D1', '秘密');
    await recall(at(0), 'told', sent.id);
    await at(0).send('told', 'D1', '下一条');
    const told = () =>
      events.flatMap((event) =>
        event.kind === 'message' && event.sessionId === 'told' ? [event.lastRecallId] : [],
      );
    await waitUntil(
      () => told().length === 2,
      20_000,
      () => `${told().length} of 2 were told`,
    );
    should(told()).eql([0, 1]);
  });
});

eachSqlServer(
  'Recalls while Redis is away',
  function (database) {
    this.timeout(60_000);
    let cluster: Cluster;
    before(async () => {
      cluster = await Cluster.start(database, 2);
      await cluster.users('D', 'P');
      await cluster.session('s', 'D', 'P');
    });
    after(() => cluster.stop());

    it("are told to the process's own sockets, and to the others once Redis is back", async () => {
      const [here, there] = [cluster.process(0), cluster.process(1)];
      const own = await cluster.socket(here, 'P', 's');
      const other = await cluster.socket(there, 'P', 's');
      const id = await cluster.send('s', 'D', '秘密', here);
      await other.next('message');
      cluster.redis.pause();
      await cluster.busIs('down');
      await cluster.ask('DELETE', `/sessions/s/messages/${id}`, undefined, here);
      (await own.next('recall')).data.message_id.should.equal(id);
      const shown = await cluster.ask('GET', `/sessions/s/messages/${id}`, undefined, there);
      should(shown.content).equal(null);
      cluster.redis.resume();
      (await other.next('recall', 20_000)).data.message_id.should.equal(id);
      should(recallsOf(other, 's')).eql([1]);
      should(recallsOf(own, 's')).eql([1]);
    });
  },
  'redis',
);
