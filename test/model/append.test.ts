import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { type RunTogether } from '../../src/db/dialect';
import { statement } from '../../src/db/sql-text';
import { Append, type LockedSession, lockSession } from '../../src/model/append';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';

const COMMIT = [statement('commit')];

/** MariaDB takes it as a pipeline of prepared statements, MySQL as one text. */
const WAYS: { title: string; of: (run: RunTogether) => RunTogether }[] = [
  { title: 'as the database likes it best', of: (run) => run },
  { title: 'statement by statement', of: (run) => (statements) => run(statements) },
];

for (const way of WAYS) {
  eachDatabase(
    `Appending to sessions that are remembered, ${way.title},`,
    (kind) => {
      let server: TestServer;
      let database: Database;
      let ids: string[];
      let round = 0;

      before(async () => {
        const url = await kind.freshUrl();
        server = await TestServer.start({ IM_DATABASE_URL: url });
        database = openDatabase(url);
        await server.users('D', 'E', 'P');
      });
      beforeEach(async () => {
        round += 1;
        ids = ['x', 'a', 'm'].map((name) => `${name}${round}`);
        for (const id of ids) {
          await server.session(id, 1, 'D', 'P');
          await server.send(id, 'P', 'before');
        }
      });
      after(async () => {
        await database.close();
        await server.stop();
      });

      async function remember(): Promise<LockedSession[]> {
        const remembered: LockedSession[] = [];
        for (const id of ids) {
          const session = await database.connection((run) => lockSession(run, database.dialect, id));
          remembered.push(session!);
        }
        return remembered;
      }

      const store = (sessions: readonly LockedSession[], content = '"x"') =>
        database.connection(async (run) => {
          const append = new Append(database.dialect, () => ({ state: 'skipped', delayMs: 0 }));
          const appended = sessions.map((session) =>
            append.add(session, { senderId: 'D', senderName: 'D', type: 1, content, client: null }),
          );
          try {
            const before = [statement(database.dialect.begin)];
            await append.store(way.of(run), { before, confirm: true, rest: COMMIT });
          } catch (error) {
            await run([statement('rollback')]);
            throw error;
          }
          return appended;
        });

      async function contents(): Promise<unknown[]> {
        const pages: unknown[] = [];
        for (const id of ids) {
          const { body } = await server.request('get', `/sessions/${id}/messages?peek=1`).expect(200);
          pages.push((body.items as { content: unknown }[]).map(({ content }) => content));
        }
        return pages;
      }

      /** Says that storing failed since what was known does not hold, and that nothing of it stayed. */
      async function shouldBeOutdated(sessions: readonly LockedSession[]): Promise<void> {
        const before = await contents();
        const error: unknown = await store(sessions).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        database.dialect.isOutdated(error).should.be.true();
        should(await contents()).eql(before);
      }

      it('stores them all, whatever their order', async () => {
        const appended = await store(await remember());
        const { body } = await server.request('get', '/sessions?user_id=D&limit=200').expect(200);
        const sessions = body.items as { id: string; last_message_time: string; last_content: string }[];
        for (const [index, id] of ids.entries()) {
          const session = sessions.find((each) => each.id === id)!;
          session.last_content.should.equal('x');
          const { body: page } = await server.request('get', `/sessions/${id}/messages?peek=1`).expect(200);
          should(page.items.at(-1).id).equal(appended[index]!.row.id);
          should(page.items.at(-1).timestamp).equal(session.last_message_time);
        }
      });

      for (const index of [0, 1, 2]) {
        it(`stores none where somebody else wrote to one of them (${index + 1} of 3)`, async () => {
          const remembered = await remember();
          await server.send(ids[index]!, 'P', 'between');
          await shouldBeOutdated(remembered);
          await store(await remember());
          should((await contents())[index]).eql(['before', 'between', 'x']);
        });

        it(`stores none where the members of one changed (${index + 1} of 3)`, async () => {
          const remembered = await remember();
          await server.request('put', `/sessions/${ids[index]!}/participants/E`).send({}).expect(201);
          await shouldBeOutdated(remembered);
          await store(await remember());
        });

        it(`stores none, and makes no session, where one is gone (${index + 1} of 3)`, async () => {
          const remembered = await remember();
          await database.kysely.deleteFrom('sessions').where('id', '=', ids[index]!).execute();
          const error: unknown = await store(remembered).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          database.dialect.isOutdated(error).should.be.true();
          const left = await database.kysely
            .selectFrom('sessions')
            .select('id')
            .where('id', 'in', ids)
            .execute();
          should(left.length).equal(2);
          const messages = await database.kysely
            .selectFrom('muc_messages')
            .select('id')
            .where('session_id', 'in', ids)
            .execute();
          should(messages.length).equal(3);
        });
      }

      if (kind.name === 'mariadb') {
        it('sends it in one round trip', async () => {
          let trips = 0;
          // By then it is known what the server takes.
          const [session] = await remember();
          await database.connection(async (run) => {
            const counted: RunTogether = (statements) => {
              trips += 1;
              return run(statements);
            };
            const { pipelined } = way.of(run);
            should(pipelined !== undefined).equal(way === WAYS[0]);
            const pipelineCounted: RunTogether['pipelined'] = (statements) => {
              trips += 1;
              return pipelined!(statements);
            };
            const append = new Append(database.dialect, () => ({ state: 'skipped', delayMs: 0 }));
            append.add(session!, { senderId: 'D', senderName: 'D', type: 1, content: '"x"', client: null });
            await append.store(
              pipelined === undefined ? counted : Object.assign(counted, { pipelined: pipelineCounted }),
              {
                before: [statement(database.dialect.begin)],
                confirm: true,
                rest: COMMIT,
              },
            );
          });
          trips.should.equal(1);
        });
      }

      it('stores none where what was unread of one has been read', async () => {
        // "before" is unread for D, and nothing but the participant's own row says that it was read.
        const sessions = await remember();
        await server.request('get', `/sessions/${ids[1]!}/messages?user_id=D`).expect(200);
        await shouldBeOutdated(sessions);
      });

      it('stores one alone, and not where somebody else wrote to it', async () => {
        const [first] = await remember();
        await store([first!]);
        const [again] = await remember();
        await server.send(ids[0]!, 'P', 'between');
        await shouldBeOutdated([again!]);
      });

      it('keeps what SQL would take for its own', async () => {
        const text = `'; drop table sessions; -- " \\' \\" \\\\ \0 \b \t \r\n \x1a % _ ? ?? :a @b 中文 \u{1f600} /* */`;
        await store(await remember(), JSON.stringify(text));
        for (const page of await contents()) should(page).eql(['before', text]);
      });
    },
    { sqlite: 'file' },
  );
}
