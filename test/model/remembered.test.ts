import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { type Statement } from '../../src/db/sql-text';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

/** `database`, and what the writer asks it for: the texts of the statements of each round trip. */
function recorded(database: Database): { database: Database; trips: string[][] } {
  const trips: string[][] = [];
  const connection: Database['connection'] = (work, options) =>
    database.connection((run) => {
      const record = (statements: readonly Statement[]) => trips.push(statements.map(({ sql }) => sql));
      const each = (statements: readonly Statement[]) => {
        record(statements);
        return run(statements);
      };
      const { pipelined } = run;
      if (pipelined === undefined) return work(each);
      return work(
        Object.assign(each, {
          pipelined: (statements: readonly Statement[]) => {
            record(statements);
            return pipelined(statements);
          },
        }),
      );
    }, options);
  return { database: { ...database, connection }, trips };
}

/** How many transactions were begun; acknowledgements are written by their own, at any time. */
function transactionsOfSends(trips: readonly string[][]): number {
  return trips.filter(
    ([first = '', second = '']) => /^(begin|start)/.test(first) && !second.startsWith('update notices'),
  ).length;
}

eachDatabase(
  'What a process remembers of a session',
  (database) => {
    let here: TestServer;
    let elsewhere: TestServer;
    let trips: string[][];
    let sessions = 0;
    let session: string;

    before(async () => {
      const url = await database.freshUrl();
      const watched = recorded(openDatabase(url));
      trips = watched.trips;
      here = await TestServer.start({ IM_DATABASE_URL: url }, {}, { database: watched.database });
      elsewhere = await TestServer.start({ IM_DATABASE_URL: url });
      await here.users('A', 'B', 'C', 'P');
    });

    beforeEach(async () => {
      session = `s${++sessions}`;
      await here.session(session, 1, 'A', 'B', 'P');
      // From now on it is remembered here, for each of them.
      for (const sender of ['P', 'A', 'B']) {
        await here.send(session, sender, 'before');
        await readAll(here, sender);
      }
      for (const sender of ['P', 'A', 'B']) await readAll(here, sender);
    });

    after(async () => {
      await here.stop();
      await elsewhere.stop();
    });

    const readAll = (server: TestServer, user: string) =>
      server.request('get', `/sessions/${session}/messages?user_id=${user}`).expect(200);

    async function position(user: string): Promise<string> {
      const { body } = await here.request('get', `/sessions/${session}/participants/${user}`).expect(200);
      return body.last_fetch_time as string;
    }

    async function startTopic(server: TestServer, id: string): Promise<void> {
      await server
        .request('post', `/sessions/${id}/topics`)
        .send({ session_id: session, user_id: 'P', name: 'a topic' })
        .expect(201);
    }

    async function reply(id: string): Promise<number> {
      const { body } = await elsewhere.request('get', `/sessions/topics/${id}`).expect(200);
      return body.reply as number;
    }

    it('spares all reading', async () => {
      trips.length = 0;
      await here.send(session, 'A', 'remembered');
      const statements = trips.flat().map((text) => text.split(' ').slice(0, 2).join(' '));
      // The writing confirms what is remembered.
      statements.filter((text) => text.startsWith('select')).should.eql([]);
      if (database.name === 'mariadb') trips.length.should.equal(1);
    });

    it('is confirmed: what others sent meanwhile comes before', async () => {
      const before = await here.send(session, 'A', 'one');
      const other = await elsewhere.send(session, 'B', 'two');
      const last = await here.send(session, 'A', 'three');
      last.id.should.be.above(other.id);
      should(last.timestamp > other.timestamp && other.timestamp > before.timestamp).be.true();
      (await position('A')).should.equal(before.timestamp);
    });

    it('is confirmed: what was read elsewhere counts as read', async () => {
      await here.send(session, 'B', 'unread');
      await here.send(session, 'A', 'with something unread');
      await readAll(elsewhere, 'A');
      trips.length = 0;
      const last = await here.send(session, 'A', 'with nothing unread');
      // The database decides; nothing has to be made again.
      transactionsOfSends(trips).should.equal(1);
      (await position('A')).should.equal(last.timestamp);
    });

    it('is confirmed of several sessions at once: what was read elsewhere counts as read, the rest does not', async () => {
      const other = `other-${session}`;
      await here.session(other, 1, 'A', 'B', 'P');
      for (const id of [session, other]) {
        for (let count = 0; count < 2; count += 1) {
          await here.send(id, 'B', 'unread');
          await here.send(id, 'A', 'with something unread');
        }
      }
      const before = (await here.request('get', `/sessions/${other}/participants/A`).expect(200)).body
        .last_fetch_time as string;
      await readAll(elsewhere, 'A');
      const [last] = await Promise.all(
        [session, other].map((sessionId) =>
          here.context.writers.submit({
            sessionId,
            senderId: 'A',
            byBackend: true,
            message: { type: 1, content: 'at once' },
            clientMsgId: null,
          }),
        ),
      );
      (await position('A')).should.equal(new Date(`${last!.row.timestamp.replace(' ', 'T')}Z`).toISOString());
      const after = await here.request('get', `/sessions/${other}/participants/A`).expect(200);
      should(after.body.last_fetch_time).equal(before);
    });

    it('keeps what is unread unread', async () => {
      const before = await position('A');
      await here.send(session, 'B', 'unread');
      for (let count = 0; count < 3; count += 1) await here.send(session, 'A', 'mine');
      (await position('A')).should.equal(before);
      const { body } = await here
        .request('get', `/sessions/${session}/unread_message_count?user_id=A`)
        .expect(200);
      should(body.count).equal(1);
    });

    it('is confirmed: who was removed elsewhere does not send, and who was added does', async () => {
      const asUser = await here.token('A');
      await elsewhere
        .request('put', `/sessions/${session}/participant/update`)
        .send({ remove: ['A'], add: [{ id: 'C' }] })
        .expect(200);
      const text = { type: 1, content: 'x' };
      await here.request('post', `/sessions/${session}/messages`, asUser).send(text).expect(404);
      await here.send(session, 'C', 'new here');
      await here.send(session, 'B', 'still here');
    });

    it('is confirmed: a topic that was started elsewhere gets its reply', async () => {
      await startTopic(elsewhere, `t-${session}`);
      await here.send(session, 'P', 'no reply');
      (await reply(`t-${session}`)).should.equal(0);
      await here.send(session, 'A', 'a reply');
      (await reply(`t-${session}`)).should.equal(1);
    });

    it('is confirmed: a topic whose reply was taken back elsewhere gets another', async () => {
      const id = `t-${session}`;
      await startTopic(here, id);
      await here.send(session, 'A', 'a reply');
      await here.send(session, 'B', 'another');
      await elsewhere.request('put', `/sessions/topics/${id}`).send({ reply: 0 }).expect(200);
      (await reply(id)).should.equal(0);
      await here.send(session, 'B', 'a reply again');
      (await reply(id)).should.equal(1);
    });

    it('is confirmed: a topic that was ended elsewhere gets no reply any more', async () => {
      const id = `t-${session}`;
      await startTopic(here, id);
      await here.send(session, 'P', 'I wait');
      await elsewhere
        .request('put', `/sessions/${session}/topics/${id}/ended`)
        .send({ user_id: 'P' })
        .expect(200);
      await here.send(session, 'A', 'too late');
      (await reply(id)).should.equal(0);
    });

    it('is not relied on for a while where somebody else writes, too: no try in vain', async () => {
      await elsewhere.send(session, 'B', 'behind our back');
      await here.send(session, 'A', 'a try in vain, and what it takes');
      trips.length = 0;
      await elsewhere.send(session, 'B', 'again');
      await here.send(session, 'A', 'read at once');
      transactionsOfSends(trips).should.equal(1);
    });

    it('is of no use where two write at once, and they agree all the same', async () => {
      const sends = Array.from({ length: 40 }, (_none, index) =>
        (index % 2 === 0 ? here : elsewhere).send(session, ['A', 'B', 'P'][index % 3]!, `m${index}`),
      );
      const sent = await Promise.all(sends);
      const { body } = await here.request('get', `/sessions/${session}/messages?peek=1&limit=40`).expect(200);
      const items = body.items as { id: number; timestamp: string }[];
      should(items.map(({ id }) => id)).eql(sent.map(({ id }) => id).sort((a, b) => a - b));
      const times = items.map(({ timestamp }) => timestamp);
      should(times).eql([...new Set(times)].sort());
    });
  },
  { sqlite: 'file' },
);
