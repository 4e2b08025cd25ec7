import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';
import { connect, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { RoughBus } from './rough-bus';

eachSqlServer('Processes that overtake each other', function (database) {
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
    await servers[0]!.users('D1', 'D2', 'D3', 'P1');
  });
  after(() => Promise.all(servers.map((server) => server.stop())));
  afterEach(terminateAll);

  const at = (number: number): TestServer => servers[number % servers.length]!;

  /** The ids of the session's messages as the socket was told of them, its own too. */
  const told = (socket: SocketClient, session: string): number[] =>
    socket.frames
      .filter(({ type }) => type === 'message' || type === 'message_ok')
      .map(({ data }) => data.message as { id: number; session_id: string })
      .filter((message) => message.session_id === session)
      .map(({ id }) => id);

  async function stored(session: string): Promise<number[]> {
    const rows = await at(0)
      .context.database.kysely.selectFrom('muc_messages')
      .select('id')
      .where('session_id', '=', session)
      .orderBy('id')
      .execute();
    return rows.map(({ id }) => id);
  }

  async function hasAll(socket: SocketClient, session: string, after: number, what: string): Promise<void> {
    const wanted = (await stored(session)).filter((id) => id > after);
    await waitUntil(
      () => told(socket, session).length >= wanted.length,
      15_000,
      () => `${what} was told of ${told(socket, session).length} of ${wanted.length} messages`,
    ).catch(() => undefined);
    should(told(socket, session)).eql(wanted, what);
  }

  for (const lossy of [false, true]) {
    it(`bring every socket all above its login, once, in order${lossy ? ', also what was lost' : ''}`, async () => {
      const session = lossy ? 'lossy' : 'rough';
      await at(0).session(session, 1, 'D1', 'D2', 'P1');
      const senders = await Promise.all(
        [0, 1, 2].map((n) => at(n).socket('D1', n === 0 ? undefined : session)),
      );
      const watched: [SocketClient, number, string][] = senders.map((each, n) => [each, 0, `sender ${n}`]);
      let going = true;
      const sending = senders.map(async (socket) => {
        while (going) {
          const input = { session_id: session, type: 1, content: '在' };
          (await socket.request('message', input, 10_000)).type.should.equal('message_ok');
          if (Math.random() < 0.3) await sleep(3);
        }
      });
      const tokens = { D2: await at(0).token('D2'), P1: await at(0).token('P1') };

      for (let n = 0; n < 30; n += 1) {
        const socket = await connect(at(n).url);
        const user = n % 3 === 0 ? 'P1' : 'D2';
        const bound = user === 'P1' || n % 3 === 1;
        const login = await socket.login(
          tokens[user],
          bound ? session : undefined,
          user === 'P1' ? 'patient' : 'doctor',
        );
        login.type.should.equal('login_ok');
        const position = bound
          ? (login.data.last_message_id as number)
          : (login.data.sessions as { session_id: string; last_message_id: number }[]).find(
              (each) => each.session_id === session,
            )!.last_message_id;
        watched.push([socket, position, `login ${n}`]);
        if (lossy && n % 5 === 0) await buses[n % 3]!.lose(30);
        if (n % 4 === 3) {
          const [gone] = watched.splice(3 + Math.floor(Math.random() * (watched.length - 3)), 1);
          await gone![0].close();
        }
      }
      going = false;
      await Promise.all(sending);
      // No later message tells that this one is missing.
      if (lossy) await Promise.all([buses[1]!.lose(60), at(1).send(session, 'D1', '最后')]);
      for (const [socket, after, what] of watched) await hasAll(socket, session, after, what);
    });
  }

  it('bring an unbound doctor all from its joining on', async () => {
    const doctor = await at(1).socket('D3');
    for (let round = 0; round < 12; round += 1) {
      const session = `join${round}`;
      await at(0).session(session, 1, 'D1', 'P1');
      const other = round % 2 === 0 ? await at(1).socket('D1', session) : undefined;
      let going = true;
      const sending = [0, 1, 2].map(async (n) => {
        while (going) await at(n).send(session, 'D1', '在');
      });
      await sleep(15);
      const path = `/sessions/${session}/participants`;
      await at(round)
        .request('post', path)
        .send({ participants: [{ id: 'D3' }] })
        .expect(200);
      await sleep(15);
      going = false;
      await Promise.all(sending);
      const joined = await at(0)
        .context.database.kysely.selectFrom('participants')
        .innerJoin('muc_messages', 'muc_messages.session_id', 'participants.session_id')
        .select((eb) => eb.fn.max('muc_messages.id').as('id'))
        .where('participants.session_id', '=', session)
        .where('participant_id', '=', 'D3')
        .whereRef('muc_messages.timestamp', '<=', 'participants.last_fetch_time')
        .executeTakeFirst();
      await hasAll(doctor, session, joined?.id ?? 0, `the doctor in round ${round}`);
      if (other !== undefined) await hasAll(other, session, 0, `the other one in round ${round}`);
      await other?.close();
    }
  });

  it('end with who takes part now, whatever came late', async () => {
    await at(0).session('late', 1, 'D1', 'P1');
    const token = await at(0).token('P1');
    for (let round = 0; round < 10; round += 1) {
      const path = '/sessions/late/participants/P1';
      await at(round).request('delete', path).expect(204);
      await at(round + 1)
        .request('put', path)
        .send({})
        .expect(201);
      const socket = await connect(at(round + 2).url);
      const login = await socket.login(token, 'late');
      login.type.should.equal('login_ok');
      // The removal may only now come to its process.
      await sleep(60);
      should(socket.isOpen).be.true();
      await socket.close();
    }
  });
});
