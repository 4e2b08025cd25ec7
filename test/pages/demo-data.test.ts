import should from 'should';
import { makeDemoData, ownAddress } from '../../src/commands/demo/demo';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

const rowsOf = async (server: TestServer) => {
  const db = server.context.database.kysely;
  const count = async (
    table: 'sessions' | 'participants' | 'topics' | 'muc_messages' | 'doctors' | 'notices',
  ) => (await db.selectFrom(table).selectAll().execute()).length;
  return {
    sessions: await count('sessions'),
    participants: await count('participants'),
    topics: await count('topics'),
    messages: await count('muc_messages'),
    doctors: await count('doctors'),
  };
};

eachDatabase(
  'Demo data',
  (database) => {
    it('is made once, by whichever of two processes that start at once', async () => {
      const settings = { IM_PROFILE: 'dev', IM_DATABASE_URL: await database.freshUrl() };
      // Two connections to one SQLite file in one thread would wait for each other: there the second comes a little later.
      const servers =
        database.name === 'sqlite'
          ? [await TestServer.start(settings), await TestServer.start(settings)]
          : await Promise.all([TestServer.start(settings), TestServer.start(settings)]);
      try {
        const rows = await rowsOf(servers[0]!);
        rows.should.match({ sessions: 4, participants: 11, topics: 3, doctors: 3 });
        (await makeDemoData(servers[1]!.context.database, servers[1]!.url)).should.be.false();
        should(await rowsOf(servers[1]!)).eql(rows);
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
      const again = await TestServer.start(settings);
      try {
        (await rowsOf(again)).sessions.should.equal(4);
      } finally {
        await again.stop();
      }
    });

    it('obeys the rules of all data', async () => {
      const server = await TestServer.start({
        IM_PROFILE: 'dev',
        IM_DATABASE_URL: await database.freshUrl(),
      });
      try {
        const get = async (path: string) => {
          const { body } = await server.request('get', path).expect(200);
          return body as Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- a body
        };
        const messages = await get('/sessions/demo-team/messages?peek=1&limit=200');
        const times = messages.items.map((each: { timestamp: string }) => each.timestamp);
        times.should.eql([...new Set(times)].sort());
        (Date.parse(times.at(-1) as string) <= Date.now()).should.be.true();
        const kinds = new Set(messages.items.map((each: { type: number }) => each.type));
        for (const type of [0, 1, 2, 3, 4, 5, 6, 7, 10, 12]) kinds.has(type).should.be.true();
        const picture = messages.items.find((each: { type: number }) => each.type === 2);
        picture.content.url.should.startWith(`${server.url}/demo/`);
        (await fetch(picture.content.url as string)).status.should.equal(200);

        const session = await get('/sessions/demo-team/session');
        session.should.match({ status: 1, business_type: 2, last_content_type: 5 });
        (await get('/sessions/topics?user_id=demo-patient&status=0')).items.should.match([
          { id: 'demo-topic-pressure', reply: 1, end_message_id: null },
        ]);
        const ended = await get('/sessions/topics/demo-topic-vaccine');
        ended.should.match({ status: 10, reply: 1, end_by: 'demo-doctor', end_by_name: '李慧' });
        (await get('/application/badge_no?user_id=demo-patient')).badge_no.should.equal(5);
        (await get('/users/demo-patient')).should.match({ name: '王建国', openid: null });

        // What comes now is later, and its topic goes on.
        const sent = await server.send('demo-team', 'demo-patient', '好的');
        (sent.timestamp > (times.at(-1) as string)).should.be.true();
        await server
          .request('put', '/sessions/demo-team/topics/current/ended')
          .send({ user_id: 'demo-doctor' })
          .expect(200);
      } finally {
        await server.stop();
      }
    });

    it('stays away where there are sessions, and outside dev', async () => {
      const settings = { IM_DATABASE_URL: await database.freshUrl() };
      const plain = await TestServer.start(settings);
      try {
        (await rowsOf(plain)).sessions.should.equal(0);
        await plain.users('D1', 'D2');
        await plain.session('s1', 2, 'D1', 'D2');
        (await makeDemoData(plain.context.database, plain.url)).should.be.false();
        should(await rowsOf(plain)).match({ sessions: 1, doctors: 2 });
      } finally {
        await plain.stop();
      }
    });

    it('uses people who are there already', async () => {
      const server = await TestServer.start({ IM_DATABASE_URL: await database.freshUrl() });
      try {
        await server
          .request('put', '/users/demo-doctor')
          .send({ type: 'doctor', name: '李医生' })
          .expect(201);
        (await makeDemoData(server.context.database, server.url)).should.be.true();
        const { body } = await server.request('get', '/users/demo-doctor');
        body.name.should.equal('李医生');
      } finally {
        await server.stop();
      }
    });
  },
  { sqlite: 'file' },
);

describe('The own address', () => {
  const cases: [host: string, address: string][] = [
    ['127.0.0.1', 'http://127.0.0.1:3000'],
    ['0.0.0.0', 'http://127.0.0.1:3000'],
    ['::', 'http://127.0.0.1:3000'],
    ['::1', 'http://[::1]:3000'],
    ['im.example.com', 'http://im.example.com:3000'],
  ];
  for (const [host, address] of cases) {
    it(`of ${host} is ${address}`, () => {
      ownAddress(host, 3000).should.equal(address);
    });
  }
});
