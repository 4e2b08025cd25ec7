import should from 'should';
import { Retention } from '../../src/commands/maintenance/retention';
import { type Database } from '../../src/db/database';
import { type NoticeState } from '../../src/db/schema';
import { configureLogger } from '../../src/logger';
import { MESSAGE_TABLES } from '../../src/model/message-tables';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { countOf, daysAgo, KEEP_DAYS, LEASE, past } from './retention-fixture';

eachDatabase('Retention', (kind) => {
  let server: TestServer;
  let database: Database;

  before(async () => {
    configureLogger({ level: 'warn' });
    server = await TestServer.start({ IM_DATABASE_URL: await kind.freshUrl(), IM_SEND_RATE: '100000' });
    database = server.context.database;
    await server.users('P1', 'D1', 'D2');
  });
  after(async () => {
    configureLogger({ level: 'info' });
    await server.stop();
  });
  beforeEach(() => database.kysely.deleteFrom('server_state').where('name', '=', LEASE).execute());

  const retention = (retentionDays: number | undefined = KEEP_DAYS) =>
    new Retention({ database, retentionDays });

  async function history(sessionId: string): Promise<number[]> {
    const { body } = await server
      .request('get', `/sessions/${sessionId}/messages?peek=1&limit=200`)
      .expect(200);
    should(body.more).be.false();
    return (body.items as { id: number }[]).map(({ id }) => id);
  }

  async function unread(sessionId: string, user: string): Promise<number> {
    const path = `/sessions/${sessionId}/unread_message_count?user_id=${user}`;
    return (await server.request('get', path).expect(200)).body.count as number;
  }

  const state = async (sessionId: string) =>
    Promise.all([
      database.kysely.selectFrom('sessions').selectAll().where('id', '=', sessionId).execute(),
      database.kysely.selectFrom('participants').selectAll().where('session_id', '=', sessionId).execute(),
      database.kysely.selectFrom('topics').selectAll().where('session_id', '=', sessionId).execute(),
    ]);

  for (const [type, table] of MESSAGE_TABLES.entries()) {
    it(`deletes what is old in ${table}, and nothing else`, async () => {
      const id = `age-${type}`;
      await server.session(id, type, 'P1', 'D1');
      const ids = await past(database, id, 'D1', [400, 31, 30.001, 29.999, 10, 0.1]);
      const before = await state(id);
      should(await unread(id, 'P1')).equal(6);

      should(await retention().runOnce()).eql({ messages: 3, calls: 0, notices: 0, events: 0, tokens: 0 });

      should(await history(id)).eql(ids.slice(3));
      should(await unread(id, 'P1')).equal(3);
      should(await unread(id, 'D1')).equal(0);
      should(await state(id)).eql(before);
      await server.request('get', `/sessions/${id}/messages/${ids[0]}`).expect(404);
    });
  }

  it('a session that is empty now goes on as before', async () => {
    await server.session('emptied', 1, 'P1', 'D1', 'D2');
    await server
      .request('post', '/sessions/T-old/topics')
      .send({ session_id: 'emptied', user_id: 'P1', name: '旧议题' })
      .expect(201);
    const ids = await past(database, 'emptied', 'D1', [200, 100]);
    await database.kysely
      .updateTable('muc_messages')
      .set({ timestamp: daysAgo(201) })
      .where('session_id', '=', 'emptied')
      .where('type', '=', 6)
      .execute();
    const socket = await server.socket('P1', 'emptied');
    await retention().runOnce();

    should(await history('emptied')).eql([]);
    should(await unread('emptied', 'P1')).equal(0);
    const session = (await server.request('get', '/sessions/emptied/session').expect(200)).body;
    should(session).containEql({ last_content: 'x', last_sender_id: 'D1', status: 1 });
    const topic = await server.request('get', '/sessions/topics/T-old').expect(200);
    should(topic.body).containEql({ name: '旧议题', status: 0 });
    const messages = await server.request('get', '/sessions/topic/T-old/messages').expect(200);
    should(messages.body.items).eql([]);

    const sent = await server.send('emptied', 'D1', '还在');
    should(sent.id).be.above(ids[1]!);
    should((await socket.next('message')).data.message.id).equal(sent.id);
    should(await history('emptied')).eql([sent.id]);
    should(await unread('emptied', 'P1')).equal(1);
    await server.request('put', '/sessions/emptied/topics/current/ended').send({ user_id: 'D1' }).expect(200);
    await socket.close();
  });

  it('without retentionDays keeps every message', async () => {
    await server.session('kept', 3, 'D1', 'D2');
    const ids = await past(database, 'kept', 'D1', [5000, 400]);
    should(await new Retention({ database, retentionDays: undefined }).runOnce()).containEql({
      messages: 0,
    });
    should(await history('kept')).eql(ids);
    await database.kysely.deleteFrom('group_messages').where('session_id', '=', 'kept').execute();
  });

  it('a clock that ran ahead years ago keeps nothing else from going', async () => {
    await server.session('ahead', 1, 'P1', 'D1');
    await server.session('behind', 1, 'P1', 'D2');
    await past(database, 'ahead', 'D1', Array<number>(450).fill(-1));
    await past(database, 'behind', 'D2', Array<number>(450).fill(60));
    should(await retention().runOnce()).containEql({ messages: 450 });
    should(await history('behind')).eql([]);
    should(await countOf(database, 'ahead')).equal(450);
  });

  it('deletes calls that ended, as old as the messages that go', async () => {
    const call = (id: string, age: number, over: boolean) => ({
      id,
      session_id: 'elsewhere',
      open_session_id: over ? null : id,
      caller_id: 'D1',
      caller_name: 'D1',
      media: 'video',
      state: over ? ('ended' as const) : ('active' as const),
      rejected_by: '[]',
      create_time: daysAgo(age),
      ring_until: daysAgo(age),
      caller_socket: 'gone',
      // An open call is nobody's to end while the test runs.
      caller_until: daysAgo(-1),
    });
    await database.kysely
      .insertInto('calls')
      .values([call('old', 31, true), call('young', 29, true), call('open', 31, false)])
      .execute();
    should(await retention().runOnce()).containEql({ calls: 1 });
    const left = await database.kysely.selectFrom('calls').select('id').orderBy('id').execute();
    should(left.map(({ id }) => id)).eql(['open', 'young']);
    await database.kysely.deleteFrom('calls').execute();
  });

  it('deletes notices that were settled a week ago', async () => {
    const cases: [NoticeState, updated: number, due: number, gone: boolean][] = [
      ['sent', 7.001, 7.1, true],
      ['delivered', 8, 8, true],
      ['skipped', 30, 30, true],
      ['failed', 9, 9.5, true],
      ['sent', 6.999, 6.999, false],
      // Waited for long, and was settled yesterday.
      ['delivered', 1, 20, false],
      ['pending', 20, 20, false],
    ];
    await database.kysely.deleteFrom('notices').execute();
    await database.kysely
      .insertInto('notices')
      .values(
        cases.map(([noticeState, updated, due], index) => ({
          channel: 'wechat',
          session_id: 'elsewhere',
          message_id: index + 1,
          user_id: 'P1',
          state: noticeState,
          create_time: daysAgo(40),
          update_time: daysAgo(updated),
          due_time: daysAgo(due),
          // Not for this server's worker.
          claimed_by: noticeState === 'pending' ? 'nobody' : null,
        })),
      )
      .execute();
    const worker = server.context.notices;
    await worker.close();
    should(await retention().runOnce()).containEql({ notices: 4 });
    const left = await database.kysely.selectFrom('notices').select('message_id').orderBy('id').execute();
    should(left.map((row) => row.message_id)).eql(
      cases.flatMap(([, , , gone], index) => (gone ? [] : [index + 1])),
    );
  });

  it('forgets revoked tokens when they have expired, and no earlier', async () => {
    const token = await server.token('D2');
    await server.request('post', '/users/logout', token).expect(204);
    await database.kysely
      .insertInto('revoked_tokens')
      .values([1, 2, 3].map((index) => ({ id: `old-${index}`, expires_time: daysAgo(index) })))
      .execute();
    should(await retention().runOnce()).containEql({ tokens: 3 });
    await server.request('get', '/users/D2', token).expect(401);
    should((await database.kysely.selectFrom('revoked_tokens').select('id').execute()).length).equal(1);
  });

  it('lets sends pass while it works, and deletes all the same', async () => {
    await server.session('busy', 1, 'P1', 'D1');
    await past(database, 'busy', 'D1', Array<number>(2000).fill(90));
    const work = retention().runOnce();
    const progress = { done: false };
    void work.finally(() => (progress.done = true));
    const times: number[] = [];
    const sent: number[] = [];
    while (!progress.done) {
      const begin = Date.now();
      sent.push((await server.send('busy', 'D1', '进行中')).id);
      times.push(Date.now() - begin);
    }
    should(await work).containEql({ messages: 2000 });
    should(sent.length).be.above(10);
    should(Math.max(...times)).be.below(3000);
    const { body } = await server
      .request('get', '/sessions/busy/messages?peek=1&after=0&limit=200')
      .expect(200);
    should(body.items.map((each: { id: number }) => each.id)).eql(sent.slice(0, 200));
    should(await unread('busy', 'P1')).equal(sent.length);
  });
});
