import should from 'should';
import mysql from 'mysql2/promise';
import { eachSqlServer } from '../support/databases';
import { TestServer } from '../support/server';

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_none, index) => make(index));

eachSqlServer('A session whose lock somebody holds and does not give', function (database) {
  this.timeout(40_000);
  let server: TestServer;
  let holder: mysql.Connection;

  before(async () => {
    const url = await database.freshUrl();
    server = await TestServer.start({ IM_DATABASE_URL: url });
    await server.users('D', 'P');
    for (const id of ['held', 's1', 's2', 's3']) await server.session(id, 1, 'D', 'P');
    holder = await mysql.createConnection(url);
  });
  after(async () => {
    await holder.end();
    await server.stop();
  });

  const send = async (session: string) => {
    const since = Date.now();
    const { body, status } = await server
      .request('post', `/sessions/${session}/messages`)
      .send({ sender_id: 'D', type: 1, content: 'x' });
    return { status, code: body.code as string | undefined, ms: Date.now() - since };
  };

  for (const { title, before } of [
    { title: 'that is not remembered', before: () => Promise.resolve() },
    {
      title: 'that is remembered',
      before: async () => {
        for (const id of ['held', 's1', 's2', 's3']) (await send(id)).status.should.equal(201);
      },
    },
  ]) {
    it(`is refused with 503 in time, holds up no other session, and goes on afterwards: ${title}`, async () => {
      await before();
      const stored = async () =>
        (await server.request('get', '/sessions/held/messages?peek=1').expect(200)).body.items
          .length as number;
      const storedBefore = await stored();
      await holder.query('begin');
      await holder.query("select id from sessions where id = 'held' for update");
      const [held, others] = await Promise.all([
        Promise.all(times(5, () => send('held'))),
        Promise.all(['s1', 's2', 's3', 's1', 's2', 's3'].map(send)),
      ]);
      for (const answer of held) should(answer).containEql({ status: 503, code: 'unavailable' });
      for (const { ms } of held) ms.should.be.below(10_500);
      should(others.map(({ status }) => status)).eql([201, 201, 201, 201, 201, 201]);
      await holder.query('rollback');
      (await send('held')).status.should.equal(201);
      (await stored()).should.equal(storedBefore + 1);
    });
  }
});
