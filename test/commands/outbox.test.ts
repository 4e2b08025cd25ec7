import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutboxWorker } from '../../src/commands/outbox/outbox-worker';
import { databaseNow } from '../../src/db/clock';
import { type Database, openDatabase } from '../../src/db/database';
import { fromSqlTime, toSqlTime } from '../../src/db/time';
import { type OutboxRow } from '../../src/model/outbox';
import { makeDue, noticesOf, noticeWhen, withNotices } from '../model/notice-fixture';
import { eachDatabase } from '../support/databases';
import { type SendRequest } from '../support/fake-wechat';
import { linesPrintedBy } from '../support/log-lines';
import { waitUntil } from '../support/wait-until';

/** What one process may have under way. */
const UNDER_WAY = 32;
const CALL_MS = 100;
/** 3,000 notices at 100 ms a call take less than 15 s on a machine that is free; a busy one gets that time for fewer. */
const COUNT = Number(process.env.IM_TEST_NOTICES ?? 200);
const LIMIT_MS = 15_000;
/** How long a call may take. */
const CALL_LIMIT_MS = 5_000;

eachDatabase('The outbox', (database) => {
  const stage = withNotices(database);

  async function counts(): Promise<Record<string, number>> {
    const rows = await stage.server.context.database.kysely
      .selectFrom('notices')
      .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
      .groupBy('state')
      .execute();
    return Object.fromEntries(rows.map(({ count, state }) => [state, count]));
  }

  it(`brings ${COUNT} notices that are due at once through, 32 at a time at most`, async () => {
    const { server, fake } = stage;
    const { context } = server;
    const message = await server.send('s', 'D', 'x');
    await noticeWhen(server, message, ({ state }) => state === 'sent');
    fake.reset();
    // Nothing is answered before as many are under way as may be.
    let answer: () => void = () => undefined;
    fake.answerAlways('send', { when: new Promise<void>((resolve) => (answer = resolve)) });
    const now = await databaseNow(context.database.kysely, context.database.dialect);
    const [first] = await noticesOf(server, message);
    // Each of a message of its own, which can be read.
    await context.database.kysely
      .insertInto('p2p_messages')
      .values(
        Array.from({ length: COUNT }, (_, index) => ({
          session_id: 'other',
          sender_id: 'D',
          sender_name: 'D',
          type: 1,
          content: '"x"',
          timestamp: toSqlTime(fromSqlTime(now) + index),
          client_msg_id: null,
          client_key: null,
        })),
      )
      .execute();
    await context.database.kysely
      .insertInto('sessions')
      .values({ id: 'other', type: 2, name: 'x', business_type: 2, create_date: now, clock_time: now })
      .execute();
    await context.database.kysely
      .insertInto('participants')
      .values({ session_id: 'other', participant_id: 'P', type: 'patient', last_fetch_time: now })
      .execute();
    const messages = await context.database.kysely.selectFrom('p2p_messages').select('id').execute();
    await context.database.kysely
      .insertInto('notices')
      .values(
        messages.map(({ id }) => ({
          channel: 'wechat',
          session_id: 'other',
          message_id: id,
          user_id: 'P',
          state: 'pending' as const,
          create_time: now,
          update_time: now,
          due_time: now,
        })),
      )
      .execute();
    context.notices.poke();
    await fake.waitForSends(UNDER_WAY);
    fake.answerAlways('send', { delayMs: CALL_MS });
    answer();
    await fake.waitForDelivered(COUNT, LIMIT_MS);
    await waitUntil(
      async () => (await counts()).sent === COUNT + 1,
      20_000,
      () => 'not all are sent',
    );
    fake.sends.length.should.equal(COUNT);
    fake.mostAtOnce.should.equal(UNDER_WAY);
    should(first!.state).equal('sent');
  });

  it('is not held up by a call that hangs', async () => {
    const { server, fake } = stage;
    fake.answerNext('send', 'hang');
    const hanging = await server.send('s', 'D', 'hangs');
    await fake.waitForSends(1);
    const sent = Array.from({ length: 2 * UNDER_WAY }, (_, n) => server.send('s', 'D', `${n}`));
    await Promise.all([...sent, fake.waitForDelivered(2 * UNDER_WAY)]);
    await noticeWhen(server, hanging, ({ state }) => state === 'sent');
    const [notice] = await noticesOf(server, hanging);
    const isOfHanging = ({ body }: SendRequest) => body.client_msg_id === `notice-${notice!.id}`;
    const [first, second] = fake.sends.filter(isOfHanging).map(({ at }) => at);
    (second! - first!).should.be.aboveOrEqual(CALL_LIMIT_MS - 20);
    // Most came before its second try; a busy machine may take longer for the rest.
    const others = fake.sends.filter((send) => !isOfHanging(send));
    others.filter(({ at }) => at < second!).length.should.be.aboveOrEqual(UNDER_WAY);
    others.length.should.equal(2 * UNDER_WAY);
    fake.sends.length.should.equal(2 * UNDER_WAY + 2);
  });

  it('skips what was for a patient who has been taken out of the session', async () => {
    const { server, fake } = stage;
    await server.users('P2');
    await server.session('left', 3, 'D', 'P2');
    fake.answerAlways('send', { errcode: -1 });
    const sent = await server.send('left', 'D', 'for a participant alone');
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts > 0);
    await server.request('delete', '/sessions/left/participants/P2').expect(204);
    fake.reset();
    await makeDue(server, id);
    const skipped = await noticeWhen(server, sent, ({ state }) => state === 'skipped');
    should(skipped.last_error).match(/left/);
    fake.sends.length.should.equal(0);
  });

  describe('whose notice is settled while a try is under way', () => {
    /** How many notices have ended so in this process. */
    async function ended(): Promise<Record<string, number>> {
      const { values } = await stage.server.context.metrics.notices.get();
      const ours = values.filter(({ labels }) => labels.channel === 'wechat');
      return Object.fromEntries(ours.map(({ labels, value }) => [String(labels.state), value]));
    }

    /** How many more than `before`. */
    async function since(before: Record<string, number>): Promise<Record<string, number>> {
      const more = Object.entries(await ended()).map(([state, count]) => [
        state,
        count - (before[state] ?? 0),
      ]);
      return Object.fromEntries(more.filter(([, count]) => count !== 0)) as Record<string, number>;
    }

    it('does not send it again when the patient has acknowledged', async () => {
      const { server, fake } = stage;
      const before = await ended();
      fake.answerNext('send', 'hang');
      const sent = await server.send('s', 'D', 'x');
      await waitUntil(
        () => fake.sends.length === 1,
        20_000,
        () => 'it is being sent',
      );
      server.context.acknowledgements.add('s', 'P', sent.id);
      await noticeWhen(server, sent, ({ state }) => state === 'delivered');
      should(await since(before)).eql({});
      await waitUntil(
        async () => (await since(before)).delivered === 1,
        20_000,
        () => 'the try has ended',
      );
      await sleep(2_500);
      should((await noticesOf(server, sent))[0]).containEql({ state: 'delivered' });
      fake.sends.length.should.equal(1);
      should(await since(before)).eql({ delivered: 1 });
    });

    it('ends it as the answer says, and counts it once, when the message is taken back', async () => {
      const { server, fake } = stage;
      const before = await ended();
      let answer: () => void = () => undefined;
      fake.answerNext('send', { when: new Promise<void>((resolve) => (answer = resolve)) });
      const sent = await server.send('s', 'D', 'x');
      await waitUntil(
        () => fake.sends.length === 1,
        20_000,
        () => 'it is being sent',
      );
      await server.request('delete', `/sessions/s/messages/${sent.id}`).expect(200);
      answer();
      await noticeWhen(server, sent, ({ state }) => state === 'sent');
      await waitUntil(
        async () => (await since(before)).sent === 1,
        20_000,
        () => 'it is counted',
      );
      should(await since(before)).eql({ sent: 1 });
    });
  });

  it('counts a notice whose message cannot be read as a try, and gives it up after a day', async () => {
    const { server, fake } = stage;
    const { kysely } = server.context.database;
    fake.answerAlways('send', { errcode: -1 });
    const sent = await server.send('s', 'D', 'x');
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
    await kysely.updateTable('group_messages').set({ content: '{' }).where('id', '=', sent.id).execute();
    fake.reset();
    const now = async () => fromSqlTime(await databaseNow(kysely, server.context.database.dialect));
    const lines = await linesPrintedBy(async () => {
      const before = await now();
      await makeDue(server, id);
      const notice = await noticeWhen(server, sent, ({ attempts }) => attempts === 2);
      should(notice).containEql({ state: 'pending', last_error: 'internal', claimed_by: null });
      fromSqlTime(notice.due_time).should.be.within(before + 2_000, (await now()) + 2_000);
    });
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
    await makeDue(server, id, { retry_since: toSqlTime(Date.now() - 25 * 3_600_000) });
    const failed = await noticeWhen(server, sent, ({ state }) => state === 'failed');
    should(failed).containEql({ attempts: 3, last_error: 'internal' });
    fake.sends.length.should.equal(0);
  });
});

describe('An outbox while many messages are stored', () => {
  const TIMES = 40;
  /** A few more than a look each 100 ms. */
  const mostLooks = (ms: number) => ms / 100 + 2;
  let database: Database;
  let worker: OutboxWorker<OutboxRow>;
  let looks = 0;

  before(() => {
    database = openDatabase('sqlite::memory:');
    worker = new OutboxWorker(
      database,
      {
        name: 'nothing',
        claim: () => {
          looks += 1;
          return Promise.resolve([]);
        },
        send: () => Promise.resolve({ state: 'given back' }),
        finish: () => Promise.resolve('pending'),
        retryIn: () => undefined,
        ended: () => undefined,
        close: () => undefined,
      },
      60_000,
    );
  });
  after(async () => {
    await worker.close();
    await database.close();
  });

  /** Transactions of so many messages, one after the other. @returns ms that it took, and looks meanwhile */
  async function storing(messages: number): Promise<{ ms: number; looks: number }> {
    const [since, before] = [performance.now(), looks];
    for (let count = 0; count < TIMES; count += 1) {
      worker.stored(messages);
      worker.poke();
      await sleep(10);
    }
    return { ms: performance.now() - since, looks: looks - before };
  }

  it('looks rarely, and soon again when there is less to do', async () => {
    const few = await storing(7);
    few.looks.should.be.above(TIMES / 2);
    const many = await storing(8);
    many.looks.should.be.within(1, mostLooks(many.ms));
    await sleep(400);
    const after = await storing(1);
    after.looks.should.be.above(TIMES / 2);
  });
});
