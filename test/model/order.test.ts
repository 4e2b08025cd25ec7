import should from 'should';
import { eachDatabase } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

interface Message {
  id: number;
  session_id: string;
  timestamp: string;
  content: string;
  sender_id: string;
}

const SENDERS = 40;
const SENDS_EACH = 12;
const HOT = 'hot';
/** One session a message table, and the one that everybody writes to. */
const SESSIONS: [id: string, type: number][] = [
  [HOT, 3],
  ['muc', 1],
  ['pair', 2],
  ['system', 0],
];

/** Where each sender's sends go: half of them to the hot session. */
function target(sender: number, turn: number): string {
  if (turn % 2 === 0) return HOT;
  return sender < 2 ? 'pair' : 'muc';
}

function shouldRise(messages: readonly Message[]): void {
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    if (before === undefined) return;
    message.id.should.be.above(before.id);
    Date.parse(message.timestamp).should.be.above(Date.parse(before.timestamp));
  });
}

function idsOf(messages: readonly { id: number }[]): string {
  return messages.map(({ id }) => id).join();
}

/** Follows a session from its beginning until `done` and nothing new comes; fails where a page is not in order. */
async function follow(page: (after: number) => Promise<Message[]>, done: () => boolean): Promise<Message[]> {
  const seen: Message[] = [];
  for (;;) {
    const finished = done();
    const items = await page(seen.at(-1)?.id ?? 0);
    seen.push(...items);
    if (finished && items.length === 0) return seen;
  }
}

eachDatabase('The order of messages', (database) => {
  const servers: TestServer[] = [];
  const clients: HttpClient[] = [];

  function client(server: TestServer, token?: string): HttpClient {
    const made = new HttpClient(server.url, token);
    clients.push(made);
    return made;
  }

  before(async () => {
    const environment = { IM_DATABASE_URL: await database.freshUrl(), IM_SEND_RATE: '1000000' };
    servers.push(await TestServer.start(environment));
    // Two processes on one database: their transactions compete. SQLite's do so only in processes of their own.
    if (database.name !== 'sqlite') servers.push(await TestServer.start(environment));
  });

  after(async () => {
    await terminateAll();
    for (const made of clients) made.close();
    for (const server of servers) await server.stop();
  });

  it('lets no reader miss a message while 40 senders write through both doors', async () => {
    const first = servers[0]!;
    const last = servers.at(-1)!;
    const ids = Array.from({ length: SENDERS }, (_, index) => `D${index}`);
    await first.users(...ids);
    await first.session(HOT, 3, ...ids);
    await first.session('muc', 1, ...ids);
    await first.session('pair', 2, 'D0', 'D1');
    await first.session('system', 0, ...ids);

    const doors = await Promise.all(
      ids.map(async (id, index) => {
        const server = index % 4 < 2 ? first : last;
        if (index % 2 === 0) {
          const rest = client(server, await first.token(id));
          return (session: string, content: string) =>
            rest.request('POST', `/sessions/${session}/messages`, { type: 1, content });
        }
        const socket = await server.socket(id, index % 8 === 1 ? HOT : undefined);
        return (session: string, content: string) =>
          socket.request('message', { session_id: session, type: 1, content }, 10_000);
      }),
    );
    const backend = client(first);
    const listener = await first.socket('D0', HOT);
    const reader = await last.socket('D1', HOT);

    let done = false;
    const pagers = SESSIONS.map(([session], index) => {
      const pager = client(index % 2 === 0 ? first : last);
      return follow(
        async (after) =>
          (await pager.get(`/sessions/${session}/messages?after=${after}&limit=7&peek=1`)).body
            .items as Message[],
        () => done,
      );
    });
    const synced = follow(
      async (after) => (await reader.request('sync', { after, limit: 5 }, 10_000)).data.items as Message[],
      () => done,
    );

    const answers = await Promise.all([
      ...doors.map(async (send, sender) => {
        const own = [];
        for (let turn = 0; turn < SENDS_EACH; turn += 1) {
          const answer = await send(target(sender, turn), `${ids[sender]} ${turn}`);
          own.push('status' in answer ? answer.body : answer.data.message);
        }
        return own as Message[];
      }),
      ...Array.from({ length: 10 }, async (_, turn) => {
        const answer = await backend.request('POST', '/sessions/system/messages', {
          type: 0,
          content: `notice ${turn}`,
        });
        return [answer.body as Message];
      }),
    ]);
    done = true;

    const sent = answers.flat();
    sent.length.should.equal(SENDERS * SENDS_EACH + 10);
    const followed = await Promise.all(pagers);
    for (const messages of followed) shouldRise(messages);
    const hot = followed[0]!;
    hot.length.should.equal((SENDERS * SENDS_EACH) / 2);
    // What each sender was answered is what every reader saw, in the order in which that sender sent.
    const byContent = new Map(followed.flat().map((message) => [message.content, message]));
    for (const message of sent) should(byContent.get(message.content)).eql(message);
    for (const own of answers.slice(0, SENDERS)) {
      shouldRise(own.filter((message) => message.session_id === HOT));
      shouldRise(own.filter((message) => message.session_id !== HOT));
    }
    idsOf(await synced).should.equal(idsOf(hot));

    const stored = await first.context.database.kysely
      .selectFrom('group_messages')
      .select('id')
      .where('session_id', '=', HOT)
      .orderBy('id')
      .execute();
    idsOf(stored).should.equal(idsOf(hot));
    await shouldHear(listener, hot);
  });

  /** Without a bus a server learns of what another one stored from the gap that it leaves before its own next message. */
  async function shouldHear(listener: SocketClient, messages: readonly Message[]): Promise<void> {
    const last = await servers[0]!.send(HOT, 'D2', 'the last one');
    const heard = () =>
      listener.frames.filter(({ type }) => type === 'message').map(({ data }) => data.message as Message);
    await waitUntil(
      () => heard().at(-1)?.id === last.id,
      15_000,
      () => 'the last message did not come',
    );
    idsOf(heard()).should.equal(idsOf([...messages, last]));
  }
});
