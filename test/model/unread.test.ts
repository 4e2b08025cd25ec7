import should from 'should';
import { toIso, toSqlTime } from '../../src/db/time';
import { participantsWithUnread } from '../../src/model/unread';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

eachDatabase('Unread messages', (database) => {
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

  it('of a new participant are those that come later', async () => {
    await server.send(session, 'A', 'text');
    await server
      .request('post', `/sessions/${session}/participants`)
      .send({ participants: [{ id: 'C' }] })
      .expect(200);
    should(await unread('C')).equal(0);
    const sent = await server.send(session, 'A', 'text');
    should(await unread('C')).equal(1);
    should(sent.timestamp > (await position('C'))).be.true();
  });

  it('are known to whom they are, one query for all', async () => {
    const { kysely } = server.context.database;
    const withUnread = async () =>
      (await participantsWithUnread(kysely, { id: session, type: 3 }, ['A', 'B', 'C', 'P'])).sort();
    should(await withUnread()).eql([]);
    await server.send(session, 'A', 'text');
    should(await withUnread()).eql(['B', 'P']);
    await server.request('get', `/sessions/${session}/messages?user_id=B`).expect(200);
    should(await withUnread()).eql(['P']);
    await server.send(session, 'B', 'text');
    should(await withUnread()).eql(['A', 'P']);
    // Who is not asked for is not named.
    should(await participantsWithUnread(kysely, { id: session, type: 3 }, ['A'])).eql(['A']);
    should(await participantsWithUnread(kysely, { id: session, type: 3 }, [])).eql([]);
  });

  it('of a new participant are those of the same millisecond, too', async () => {
    // The session's clock is ahead of the real one: whatever happens now is in one millisecond for it.
    const ahead = Date.now() + 60_000;
    await server.context.database.kysely
      .updateTable('sessions')
      .set({ clock_time: toSqlTime(ahead) })
      .where('id', '=', session)
      .execute();
    const before = await server.send(session, 'A', 'text');
    Date.parse(before.timestamp).should.equal(ahead + 1);
    await server.request('put', `/sessions/${session}/participants/C`).send({}).expect(201);
    should(await position('C')).equal(before.timestamp);
    should(await unread('C')).equal(0);
    const after = await server.send(session, 'A', 'text');
    Date.parse(after.timestamp).should.equal(ahead + 2);
    should(await unread('C')).equal(1);
  });

  it('of those who are there from the beginning are all', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = `${session}-${round}`;
      await server.session(id, 1, 'A', 'B');
      const { body } = await server
        .request('post', `/sessions/${id}/messages`)
        .send({ sender_id: 'A', type: 1, content: 'at once' })
        .expect(201);
      const { body: counted } = await server
        .request('get', `/sessions/${id}/unread_message_count?user_id=B`)
        .expect(200);
      should(counted).eql({ user_id: 'B', session_id: id, count: 1 });
      const row = await server.context.database.kysely
        .selectFrom('sessions')
        .select('create_date')
        .where('id', '=', id)
        .executeTakeFirstOrThrow();
      should((body.timestamp as string) > toIso(row.create_date)).be.true();
    }
  });

  it("count for the badge in all tables, but for one's own", async () => {
    await server.users('U', 'V');
    for (const [id, type] of [
      ['badge0', 0],
      ['badge1', 1],
      ['badge2', 2],
      ['badge3', 3],
    ] as const) {
      await server.session(id, type, 'U', 'V');
      for (let turn = 0; turn <= type; turn += 1) await server.send(id, 'V', 'x');
      await server.send(id, 'U', 'own');
    }
    const { body } = await server.request('get', '/application/badge_no?user_id=U').expect(200);
    should(body).eql({ user_id: 'U', badge_no: 10 });
    const { body: counts } = await server
      .request('get', '/sessions/unread_message_count?user_id=U')
      .expect(200);
    should(counts.count).equal(10);
    const bySession = (counts.sessions as { session_id: string; count: number }[])
      .map(({ session_id: id, count }) => [id, count] as const)
      .sort(([first], [second]) => (first < second ? -1 : 1));
    should(bySession).eql([
      ['badge0', 1],
      ['badge1', 2],
      ['badge2', 3],
      ['badge3', 4],
    ]);
  });

  it("are told by the session, which has its newest message's facts", async () => {
    const image = { url: 'https://files.example.com/a.jpg', width: 3 };
    const other = `${session}-other`;
    await server.session(other, 3, 'A', 'B');
    const [, last, elsewhere] = await Promise.all(
      (
        [
          [session, { type: 1, content: 'first' }, 'A'],
          [session, { type: 2, content: image }, 'P'],
          [other, { type: 1, content: '🙂' }, 'B'],
        ] as const
      ).map(([sessionId, message, senderId]) =>
        server.context.writer.submit({
          sessionId,
          senderId,
          byBackend: true,
          message,
          clientMsgId: null,
        }),
      ),
    );
    const facts = async (id: string) =>
      (await server.request('get', `/sessions/${id}/session`)).body as unknown;
    should(await facts(session)).containEql({
      last_sender_id: 'P',
      last_sender_name: 'P的名字',
      last_content_type: 2,
      last_content: image,
      last_message_time: toIso(last!.row.timestamp),
    });
    should(await facts(other)).containEql({
      last_sender_id: 'B',
      last_sender_name: 'B的名字',
      last_content_type: 1,
      last_content: '🙂',
      last_message_time: toIso(elsewhere!.row.timestamp),
    });
  });
});
