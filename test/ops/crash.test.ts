import should from 'should';
import { openDatabase } from '../../src/db/database';
import { ChildServer } from '../support/child-server';
import { eachDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { HttpClient } from '../support/http-client';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';
import { wechatSettings } from '../model/notice-fixture';

interface Message {
  id: number;
  client_msg_id: string;
}

const SENDERS = 8;
const ROUNDS = 2;
/** Tries of notices that one process has under way at once. */
const UNDER_WAY = 32;

eachDatabase(
  'A server that is killed',
  (database) => {
    let fake: FakeWechat;
    let url: string;
    let server: ChildServer;
    let rest: HttpClient;

    async function start(): Promise<void> {
      server = await ChildServer.start({
        IM_DATABASE_URL: url,
        IM_SEND_RATE: '1000000',
        IM_LOG_LEVEL: 'error',
        ...wechatSettings(fake),
      });
      rest = new HttpClient(server.url);
    }

    before(async () => {
      fake = await FakeWechat.start();
      // Keeps sends under way, so that the kill hits some.
      fake.answerAlways('send', { delayMs: 15 });
      url = await database.freshUrl();
      await start();
      for (const [id, type] of [
        ['D', 'doctor'],
        ['P', 'patient'],
      ]) {
        await rest.request('PUT', `/users/${id}`, { type, name: id, openid: `openid-${id}` });
      }
      const participants = [{ id: 'D' }, { id: 'P' }];
      const made = await rest.request('POST', '/sessions', { id: 's', type: 3, name: 's', participants });
      made.status.should.equal(201);
    });

    after(async () => {
      await terminateAll();
      rest.close();
      await server.end('SIGKILL');
      await fake.stop();
    });

    const answered = new Map<string, Message>();
    const tried = new Set<string>();

    /** Sends until the connection breaks: one after the other, each under an id of its own. */
    async function sendUntilBroken(
      name: string,
      send: (message: Record<string, unknown>) => Promise<Message | undefined>,
    ): Promise<void> {
      for (let turn = 0; ; turn += 1) {
        const id = `${name} ${turn}`;
        tried.add(id);
        const message = { type: 1, content: id, client_msg_id: id };
        const stored = await send(message).catch(() => undefined);
        if (stored === undefined) return;
        answered.set(id, stored);
      }
    }

    async function storedMessages(): Promise<Message[]> {
      const all: Message[] = [];
      for (;;) {
        const { body } = await rest.get(`/sessions/s/messages?peek=1&limit=200&after=${all.at(-1)?.id ?? 0}`);
        all.push(...(body.items as Message[]));
        if (body.more === false) return all;
      }
    }

    for (let round = 1; round <= ROUNDS; round += 1) {
      it(`has kept all that it answered, and repeats make no doubles (kill ${round})`, async function () {
        this.timeout(90_000);
        const { body } = await rest.request('POST', '/users/login', { user_id: 'D', user_type: 'doctor' });
        const token = body.token as string;
        const before = answered.size;
        const senders = Array.from({ length: SENDERS }, async (_, sender) => {
          const name = `${round} ${sender}`;
          if (sender % 2 === 0) {
            await sendUntilBroken(
              name,
              async (message) => (await rest.send('s', 'D', message)).body as Message,
            );
            return;
          }
          const socket = await connect(server.url);
          await socket.login(token, 's', 'doctor');
          await sendUntilBroken(
            name,
            async (message) => (await socket.request('message', message)).data.message as Message,
          );
        });
        await waitUntil(
          () => answered.size - before >= 150,
          60_000,
          () => 'too few messages were stored',
        );
        should(await server.end('SIGKILL')).eql({ code: null, signal: 'SIGKILL' });
        await Promise.all(senders);
        rest.close();
        await start();

        const kept = new Map((await storedMessages()).map((message) => [message.client_msg_id, message]));
        for (const [id, message] of answered) should(kept.get(id)).eql(message);
        kept.size.should.be.within(answered.size, tried.size);

        const repeats = await Promise.all(
          [...tried].map((id) => rest.send('s', 'D', { type: 1, content: id, client_msg_id: id })),
        );
        [...tried].forEach((id, index) => {
          const repeat = repeats[index]!;
          should(repeat.status).equal(kept.has(id) ? 200 : 201);
          if (kept.has(id)) should(repeat.body).eql(kept.get(id));
          answered.set(id, repeat.body as Message);
        });
        const all = await storedMessages();
        all.length.should.equal(tried.size);
        all
          .map(({ client_msg_id: id }) => id)
          .sort()
          .should.eql([...tried].sort());
        all.forEach((message, index) => message.id.should.be.above(all[index - 1]?.id ?? 0));
      });
    }

    it('has neither lost nor doubled a notice', async function () {
      this.timeout(90_000);
      const opened = openDatabase(url);
      try {
        // The claims of the dead would run out within 30 s: time passes.
        await opened.kysely
          .updateTable('notices')
          .set({ due_time: '2020-01-01 00:00:00.000' })
          .where('state', '=', 'pending')
          .where('claimed_by', 'is not', null)
          .execute();
        await waitUntil(
          async () => {
            const rows = await opened.kysely
              .selectFrom('notices')
              .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
              .groupBy('state')
              .execute();
            return rows.length === 1 && rows[0]!.state === 'sent' && rows[0]!.count === tried.size;
          },
          60_000,
          () => 'not every message has one notice that was sent',
        );
      } finally {
        await opened.close();
      }
      const name = ({ body }: { body: { client_msg_id: string } }) => body.client_msg_id;
      fake.delivered.length.should.equal(tried.size);
      new Set(fake.delivered.map(name)).size.should.equal(tried.size);
      // What was in flight at a kill may have been asked for twice, under its own name: WeChat shows it once.
      (fake.sends.length - tried.size).should.be.within(0, ROUNDS * UNDER_WAY);
    });
  },
  { sqlite: 'file' },
);
