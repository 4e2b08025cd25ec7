import should from 'should';
import { fromSqlTime, toSqlTime } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { makeDue, noticesOf, noticeWhen, wechatSettings } from './notice-fixture';

/** The first midnight in Asia/Shanghai after now, ms since the epoch. */
function midnight(): number {
  const local = new Date(Date.now() + 8 * 3_600_000);
  return Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + 1) - 8 * 3_600_000;
}

eachDatabase(
  "WeChat's daily quota",
  (database) => {
    it('stops all sends until the next midnight in Shanghai, over restarts too', async () => {
      const fake = await FakeWechat.start();
      const settings = { IM_DATABASE_URL: await database.freshUrl(), ...wechatSettings(fake) };
      let server = await TestServer.start(settings);
      try {
        await server.users('D', 'P');
        await server.session('s', 3, 'D', 'P');
        fake.answerNext('send', { errcode: 45009 });
        const soonest = midnight();
        const first = await server.send('s', 'D', 'one');
        const lines = await linesPrintedBy(async () => {
          await noticeWhen(server, first, ({ attempts }) => attempts === 1);
        });
        const [paused] = await noticesOf(server, first);
        should(paused!.state).equal('pending');
        should([soonest, midnight()]).containEql(fromSqlTime(paused!.due_time));
        lines.filter((line) => line.startsWith('[WARN]')).length.should.be.belowOrEqual(1);

        const second = await server.send('s', 'D', 'two');
        await server.stop();
        server = await TestServer.start(settings);
        const third = await server.send('s', 'D', 'three');
        // Longer than the worker takes from one look at what is due to the next.
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        fake.sends.length.should.equal(1);
        for (const sent of [second, third]) {
          should((await noticesOf(server, sent))[0]).containEql({ state: 'pending', attempts: 0 });
        }

        // Midnight comes.
        await server.context.database.kysely
          .updateTable('server_state')
          .set({ value: String(Date.now()) })
          .where('name', '=', 'wechat_pause_until')
          .execute();
        await makeDue(server, paused!.id);
        for (const sent of [first, second, third]) {
          await noticeWhen(server, sent, ({ state }) => state === 'sent');
        }
        fake.delivered.length.should.equal(3);
      } finally {
        await server.stop();
        await fake.stop();
      }
    });
  },
  { sqlite: 'file' },
);

eachDatabase('Workers that share the notices', (database) => {
  const COUNT = 100;
  let fake: FakeWechat;
  const servers: TestServer[] = [];

  before(async () => {
    fake = await FakeWechat.start();
    const settings = { IM_DATABASE_URL: await database.freshUrl(), ...wechatSettings(fake) };
    servers.push(await TestServer.start(settings));
    // SQLite serves two processes only.
    if (database.name !== 'sqlite') servers.push(await TestServer.start(settings));
    await servers[0]!.users('D', 'P');
    await servers[0]!.session('s', 3, 'D', 'P');
  });

  after(async () => {
    for (const server of servers) await server.stop();
    await fake.stop();
  });

  it('send each of 100 once', async () => {
    await Promise.all(
      Array.from({ length: COUNT }, (_, index) =>
        servers[index % servers.length]!.context.writer.submit({
          sessionId: 's',
          senderId: 'D',
          byBackend: true,
          message: { type: 1, content: String(index) },
          clientMsgId: null,
        }),
      ),
    );
    await fake.waitForDelivered(COUNT);
    await waitUntil(
      async () => (await states()).sent === COUNT,
      20_000,
      () => 'not all are sent',
    );
    fake.sends.length.should.equal(COUNT);
    new Set(fake.sends.map(({ body }) => body.client_msg_id as string)).size.should.equal(COUNT);
    fake.tokenRequests.length.should.be.belowOrEqual(servers.length);
  });

  async function states(): Promise<Record<string, number>> {
    const rows = await servers[0]!.context.database.kysely
      .selectFrom('notices')
      .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
      .groupBy('state')
      .execute();
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  }

  it('claim for less than 30 s, and take up what a dead one had claimed', async () => {
    const { context } = servers[0]!;
    fake.reset();
    // Holds the worker's send, so that its claim can be seen.
    let answer: () => void = () => undefined;
    fake.answerNext('send', { when: new Promise<void>((resolve) => (answer = resolve)) });
    const sent = await servers[0]!.send('s', 'D', 'slow');
    const claimed = await noticeWhen(servers[0]!, sent, ({ claimed_by: by }) => by !== null);
    (fromSqlTime(claimed.due_time) - Date.now()).should.be.within(10_000, 28_000);
    answer();
    await noticeWhen(servers[0]!, sent, ({ state }) => state === 'sent');

    // A worker claimed it and died: nobody else touches it before its time, and then it goes out.
    fake.reset();
    await context.database.kysely
      .updateTable('notices')
      .set({ state: 'pending', claimed_by: 'a dead worker', due_time: toSqlTime(Date.now() + 20_000) })
      .where('id', '=', claimed.id)
      .execute();
    for (const server of servers) server.context.notices.poke();
    await new Promise((resolve) => setTimeout(resolve, 100));
    fake.sends.length.should.equal(0);
    await makeDue(servers[0]!, claimed.id);
    await noticeWhen(servers[0]!, sent, ({ state }) => state === 'sent');
    fake.sends.length.should.equal(1);
    should(fake.sends[0]!.body.client_msg_id).equal(`notice-${claimed.id}`);
  });
});
