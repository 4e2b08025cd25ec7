import { setTimeout as sleep } from 'node:timers/promises';
import should from 'should';
import { type Sent } from '../../src/commands/sending/send';
import { CommitRefusingProxy } from '../support/commit-refusing-proxy';
import { eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';

const SENDERS = 4;
const MESSAGES = 120;
/** Of so many COMMITs one is refused. */
const EVERY = 2;

/** The next batch of sends locks and writes while the last one commits: nothing of that may show. */
eachSqlServer('Batches that overlap', function (database) {
  this.timeout(60_000);
  let server: TestServer;
  let proxy: CommitRefusingProxy;
  let commits = 0;
  let isRefusing = false;

  before(async () => {
    const url = new URL(await database.freshUrl());
    proxy = await CommitRefusingProxy.to(Number(url.port), () => {
      commits += 1;
      return !isRefusing || commits % EVERY !== 0;
    });
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    // The proxy has to understand what passes.
    url.searchParams.set('ssl-mode', 'DISABLED');
    server = await TestServer.start({ IM_DATABASE_URL: url.href });
    const ids = Array.from({ length: SENDERS }, (_none, index) => `D${index}`);
    await server.users(...ids);
    await server.session('s', 3, ...ids);
  });

  after(async () => {
    await server.stop();
    proxy.close();
  });

  function submit(sender: number, turn: number, clientMsgId: string | null): Promise<Sent> {
    return server.context.writer.submit({
      sessionId: 's',
      senderId: `D${sender}`,
      byBackend: true,
      message: { type: 1, content: `${sender}-${turn}` },
      clientMsgId,
    });
  }

  /** Each sender sends on without waiting for answers, while batches are under way. */
  async function sendAll(prefix: string | null): Promise<Sent[]> {
    const sent: Promise<Sent>[] = [];
    for (let turn = 0; turn < MESSAGES; turn += 1) {
      for (let sender = 0; sender < SENDERS; sender += 1) {
        sent.push(submit(sender, turn, prefix === null ? null : `${prefix}-${turn}`));
      }
      await sleep(turn % 3);
    }
    return await Promise.all(sent);
  }

  /** What each sender's messages say, in the order of their ids. */
  async function stored(above: number): Promise<Map<string, string[]>> {
    const rows = await server.context.database.kysely
      .selectFrom('group_messages')
      .select(['sender_id', 'content'])
      .where('id', '>', above)
      .orderBy('id')
      .execute();
    const bySender = new Map<string, string[]>();
    for (const { content, sender_id: id } of rows) {
      bySender.set(id, [...(bySender.get(id) ?? []), JSON.parse(content!) as string]);
    }
    return bySender;
  }

  async function newestId(): Promise<number> {
    const newest = await server.context.database.kysely
      .selectFrom('group_messages')
      .select('id')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return newest?.id ?? 0;
  }

  function shouldBeInOrder(bySender: Map<string, string[]>): void {
    for (let sender = 0; sender < SENDERS; sender += 1) {
      const expected = Array.from({ length: MESSAGES }, (_none, turn) => `${sender}-${turn}`);
      should(bySender.get(`D${sender}`)).eql(expected);
    }
  }

  for (const refusing of [false, true]) {
    const title = refusing ? 'although COMMITs are refused' : 'with COMMITs that succeed';
    it(`keep each sender's order, and store each message once, ${title}`, async () => {
      isRefusing = refusing;
      const before = await newestId();
      const sent = await sendAll(refusing ? 'r' : null);
      shouldBeInOrder(await stored(before));
      should(sent.every(({ created }) => created)).equal(true);
      should(new Set(sent.map(({ row }) => row.id)).size).equal(SENDERS * MESSAGES);
      if (refusing) proxy.refused.should.be.above(2);
    });
  }

  it('answer repeats with what is stored, although COMMITs are refused', async () => {
    isRefusing = true;
    const before = await newestId();
    const sent = await sendAll('r');
    should(sent.some(({ created }) => created)).equal(false);
    should(await newestId()).equal(before);
  });
});
