import should from 'should';
import { toIso } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

interface Message {
  id: number;
  timestamp: string;
}

eachDatabase('The read position', (database) => {
  let server: TestServer;
  let sessions = 0;
  let session: string;

  before(async () => {
    server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await server.users('A', 'B', 'C', 'P');
  });

  beforeEach(async () => {
    session = `s${++sessions}`;
    await server.session(session, 3, 'A', 'B', 'P');
  });

  afterEach(terminateAll);

  after(async () => {
    await server.stop();
  });

  /** ISO 8601 */
  async function position(user: string): Promise<string> {
    const { body } = await server.request('get', `/sessions/${session}/participants/${user}`).expect(200);
    return body.last_fetch_time as string;
  }

  async function unread(user: string): Promise<number> {
    const { body } = await server
      .request('get', `/sessions/${session}/unread_message_count?user_id=${user}`)
      .expect(200);
    return body.count as number;
  }

  const send = (sender: string): Promise<Message> => server.send(session, sender, 'text');
  const systemMessage = async (): Promise<Message> =>
    (
      await server
        .request('post', `/sessions/${session}/messages`)
        .send({ type: 0, content: 'x' })
        .expect(201)
    ).body as Message;
  const readAll = (user: string) =>
    server.request('get', `/sessions/${session}/messages?user_id=${user}`).expect(200);

  /** `A` sends in the end; whether its read position moves to what it sent, and its unread messages then. */
  const CASES: { title: string; before: () => Promise<unknown>; moves: boolean; unread: number }[] = [
    { title: 'moves in an empty session', before: () => Promise.resolve(), moves: true, unread: 0 },
    { title: "moves after the sender's own", before: () => send('A'), moves: true, unread: 0 },
    { title: "stays when another's is unread", before: () => send('B'), moves: false, unread: 1 },
    { title: "stays when a patient's is unread", before: () => send('P'), moves: false, unread: 1 },
    { title: "stays when the platform's is unread", before: systemMessage, moves: false, unread: 1 },
    {
      title: "stays when another's is unread below the sender's own",
      before: async () => {
        await send('B');
        await send('A');
        await send('A');
      },
      moves: false,
      unread: 1,
    },
    {
      title: "stays when another's is unread between the sender's own",
      before: async () => {
        await send('A');
        await send('B');
        await send('A');
      },
      moves: false,
      unread: 1,
    },
    {
      title: 'moves once all was read',
      before: async () => {
        await send('B');
        await send('P');
        await readAll('A');
      },
      moves: true,
      unread: 0,
    },
    {
      title: "moves when only the sender's own lie above the read position",
      before: async () => {
        const other = await send('B');
        await send('A');
        const socket = await server.socket('A', session);
        socket.send('read', { message_id: other.id });
        await waitUntil(
          async () => (await position('A')) === other.timestamp,
          20_000,
          () => 'nothing was read',
        );
        await send('A');
      },
      moves: true,
      unread: 0,
    },
    {
      title: 'stays when all but the newest was read',
      before: async () => {
        await send('B');
        await readAll('A');
        await send('P');
      },
      moves: false,
      unread: 1,
    },
    {
      title: "stays after another's sends that left others' positions alone",
      before: async () => {
        await send('A');
        await send('B');
        await send('P');
        await send('B');
      },
      moves: false,
      unread: 3,
    },
  ];

  for (const { title, before: prepare, moves, unread: left } of CASES) {
    it(`of a sender ${title}`, async () => {
      await prepare();
      const earlier = await position('A');
      const sent = await send('A');
      should(await position('A')).equal(moves ? sent.timestamp : earlier);
      should(await unread('A')).equal(left);
    });
  }

  it('is the same when the sends share a transaction', async () => {
    const [atA, atB, atP] = await Promise.all([position('A'), position('B'), position('P')]);
    const sent = await Promise.all(
      ['A', 'A', 'B', 'A', 'P'].map((senderId) =>
        server.context.writer.submit({
          sessionId: session,
          senderId,
          byBackend: true,
          message: { type: 1, content: 'together' },
          clientMsgId: null,
        }),
      ),
    );
    // A had nothing unread before its first two; B's lies between them and its third.
    should(await position('A')).equal(toIso(sent[1]!.row.timestamp));
    should(await position('A')).not.equal(atA);
    should(await position('B')).equal(atB);
    should(await position('P')).equal(atP);
    should(await Promise.all([unread('A'), unread('B'), unread('P')])).eql([2, 4, 4]);
  });

  it('stays when a repeat is sent', async () => {
    const message = { sender_id: 'A', type: 1, content: 'x', client_msg_id: 'k' };
    const post = () => server.request('post', `/sessions/${session}/messages`).send(message);
    await post().expect(201);
    const first = await position('A');
    await send('B');
    await post().expect(200);
    should(await position('A')).equal(first);
    should(await unread('A')).equal(1);
  });

  it('never goes back', async () => {
    const first = await send('A');
    const second = await send('A');
    const socket = await server.socket('B', session);
    const other = await server.socket('A', session);
    socket.send('read', { message_id: second.id });
    should((await other.next('read')).data).eql({
      session_id: session,
      user_id: 'B',
      message_id: second.id,
    });
    socket.send('read', { message_id: first.id });
    await socket.request('ping');
    await server.request('get', `/sessions/${session}/messages?user_id=B&before=${second.id}`).expect(200);
    should(await position('B')).equal(second.timestamp);
    await other.expectNothing('read', 100);
  });
});
