import should from 'should';
import { databaseNow } from '../../src/db/clock';
import { fromSqlTime, toSqlTime } from '../../src/db/time';
import { makeDue, noticesOf, noticeWhen, withNotices } from '../model/notice-fixture';
import { eachDatabase } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { waitUntil } from '../support/wait-until';

/** What one process may have under way. */
const UNDER_WAY = 32;
const CALL_MS = 100;
/** 3,000 notices at 100 ms a call take less than 15 s on a machine that is free; a busy one gets that time for fewer. */
const COUNT = Number(process.env.IM_TEST_NOTICES ?? 200);
const LIMIT_MS = 15_000;

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
    fake.answerAlways('send', { delayMs: CALL_MS });
    const now = await databaseNow(context.database.kysely, context.database.dialect);
    const [first] = await noticesOf(server, message);
    // Each of a message of its own, as the unique index wants it; all of them can be read.
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
    await fake.waitForDelivered(COUNT, LIMIT_MS);
    await waitUntil(
      async () => (await counts()).sent === COUNT + 1,
      5_000,
      () => 'not all are sent',
    );
    fake.sends.length.should.equal(COUNT);
    // On a busy machine the database gives them out more slowly than WeChat answers.
    fake.mostAtOnce.should.be.within(UNDER_WAY / 4, UNDER_WAY);
    should(first!.state).equal('sent');
  });

  it('is not held up by a call that hangs', async () => {
    const { server, fake } = stage;
    fake.answerNext('send', 'hang');
    const hanging = await server.send('s', 'D', 'hangs');
    await fake.waitForSends(1);
    const others = Array.from({ length: 2 * UNDER_WAY }, (_, n) => server.send('s', 'D', `${n}`));
    await Promise.all([...others, fake.waitForDelivered(2 * UNDER_WAY)]);
    await noticeWhen(server, hanging, ({ state }) => state === 'sent');
    // Its second try, after the time limit, is the last one of all.
    const [notice] = await noticesOf(server, hanging);
    should(fake.sends.at(-1)!.body.client_msg_id).equal(`notice-${notice!.id}`);
    fake.sends.length.should.equal(2 * UNDER_WAY + 2);
  });

  it('skips what was for a patient who has been taken out of the session', async () => {
    const { server, fake } = stage;
    await server.users('P2');
    await server.session('left', 3, 'D', 'P2');
    fake.answerAlways('send', { errcode: -1 });
    const sent = await server.send('left', 'D', 'for a participant alone');
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
    await server.request('delete', '/sessions/left/participants/P2').expect(204);
    fake.reset();
    await makeDue(server, id);
    const skipped = await noticeWhen(server, sent, ({ state }) => state === 'skipped');
    should(skipped.last_error).match(/left/);
    fake.sends.length.should.equal(0);
  });

  it('counts a notice whose message cannot be read as a try, and gives it up after a day', async () => {
    const { server, fake } = stage;
    const { kysely } = server.context.database;
    fake.answerAlways('send', { errcode: -1 });
    const sent = await server.send('s', 'D', 'x');
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
    await kysely.updateTable('group_messages').set({ content: '{' }).where('id', '=', sent.id).execute();
    fake.reset();
    const lines = await linesPrintedBy(async () => {
      await makeDue(server, id);
      const notice = await noticeWhen(server, sent, ({ attempts }) => attempts === 2);
      should(notice).containEql({ state: 'pending', last_error: 'internal', claimed_by: null });
      (fromSqlTime(notice.due_time) - fromSqlTime(notice.update_time)).should.be.within(1_900, 2_100);
    });
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
    await makeDue(server, id, { retry_since: toSqlTime(Date.now() - 25 * 3_600_000) });
    const failed = await noticeWhen(server, sent, ({ state }) => state === 'failed');
    should(failed).containEql({ attempts: 3, last_error: 'internal' });
    fake.sends.length.should.equal(0);
  });
});
