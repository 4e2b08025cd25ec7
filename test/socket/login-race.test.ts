import should from 'should';
import { eachDatabase } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { TestServer } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const SESSIONS = ['a', 'b', 'c'];
const LOGINS = 30;

eachDatabase('A login while others write', (database) => {
  let server: TestServer;
  const writers: HttpClient[] = [];

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('D', 'D2', 'P');
    for (const id of SESSIONS) await server.session(id, 3, 'D', 'D2', 'P');
  });

  after(async () => {
    await terminateAll();
    for (const writer of writers) writer.close();
    await server.stop();
  });

  const idsIn = async (session: string): Promise<number[]> => {
    const rows = await server.context.database.kysely
      .selectFrom('group_messages')
      .select('id')
      .where('session_id', '=', session)
      .orderBy('id')
      .execute();
    return rows.map(({ id }) => id);
  };

  for (const { title, user, type, session } of [
    { title: 'bound', user: 'P', type: 'patient', session: 'a' },
    { title: 'unbound', user: 'D', type: 'doctor', session: undefined },
  ] as const) {
    it(`misses nothing above its last_message_id (${title})`, async function () {
      this.timeout(60_000);
      const token = await server.token(user);
      let done = false;
      // Two a session, as fast as they are answered; a socket of another member keeps one stream running all the time.
      await server.socket('D2', 'b');
      const writing = SESSIONS.flatMap((id) => [id, id]).map(async (id) => {
        const client = new HttpClient(server.url);
        writers.push(client);
        while (!done) (await client.send(id, 'D2', { type: 1, content: 'x' })).status.should.equal(201);
      });
      const logins = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const sockets = [];
          for (let turn = 0; turn < LOGINS / 3; turn += 1) {
            const socket = await connect(server.url);
            const { data } = await socket.login(token, session, type);
            sockets.push({ socket, data });
          }
          return sockets;
        }),
      );
      done = true;
      await Promise.all(writing);
      const stored = new Map<string, number[]>();
      for (const id of SESSIONS) stored.set(id, await idsIn(id));
      for (const { socket, data } of logins.flat()) {
        const positions: [string, number][] =
          session === undefined
            ? (data.sessions as { session_id: string; last_message_id: number }[]).map((each) => [
                each.session_id,
                each.last_message_id,
              ])
            : [[session, data.last_message_id as number]];
        positions.length.should.equal(session === undefined ? SESSIONS.length : 1);
        for (const [id, last] of positions) {
          const wanted = stored.get(id)!.filter((each) => each > last);
          const got = () =>
            socket.frames
              .filter((frame) => frame.type === 'message' && frame.data.message.session_id === id)
              .map((frame) => frame.data.message.id as number);
          await waitUntil(
            () => got().length >= wanted.length,
            15_000,
            () => `${got().length} of ${wanted.length} messages came`,
          );
          should(got().join()).equal(wanted.join());
        }
        socket.frames[0]!.type.should.equal('login_ok');
      }
      await terminateAll();
    });
  }
});
