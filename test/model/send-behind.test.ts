import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import should from 'should';
import { type Database, openDatabase } from '../../src/db/database';
import { type RunTogether } from '../../src/db/dialect';
import { type Statement } from '../../src/db/sql-text';
import { type Sent } from '../../src/commands/sending';
import { AppError } from '../../src/errors';
import { eachDatabase } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

/** How many transactions of the writer were sent, and how many of them behind another. */
interface Counted {
  sent: number;
  behind: number;
}

/** Acknowledgements and the users' activity go the same way. */
const stores = (statements: readonly Statement[]) =>
  statements.some(({ sql: text }) => text.startsWith('insert into muc_messages'));

/** `database`, and what the writer sends. */
function watchedDatabase(database: Database): { database: Database; counts: Counted } {
  const counts: Counted = { sent: 0, behind: 0 };
  const connection: Database['connection'] = (work, options) =>
    database.connection((run) => {
      const { behind, pipelined } = run;
      const each: RunTogether = Object.assign(
        (statements: readonly Statement[]) => {
          if (stores(statements)) counts.sent += 1;
          return run(statements);
        },
        pipelined && {
          pipelined: (statements: readonly Statement[]) => {
            if (stores(statements)) counts.sent += 1;
            return pipelined(statements);
          },
        },
        behind && {
          behind: (statements: readonly Statement[]) => {
            counts.behind += 1;
            return behind(statements);
          },
        },
      );
      return work(each);
    }, options);
  return { database: { ...database, connection }, counts };
}

eachDatabase(
  'A transaction that is sent behind the one that is under way',
  (database) => {
    let server: TestServer;
    let elsewhere: Database;
    let counts: Counted;
    let url: string;
    /** New ones for each test: what was seen to change elsewhere is not relied on for a while. */
    let s: string;
    let t: string;
    let u: string;
    let sessions = 0;
    let release: () => Promise<void> = () => Promise.resolve();

    before(async () => {
      url = await database.freshUrl();
      const watched = watchedDatabase(openDatabase(url));
      ({ counts } = watched);
      server = await TestServer.start(
        { IM_DATABASE_URL: url, IM_SEND_RATE: '100000' },
        {},
        // One for all sessions, however many cores there are.
        { database: watched.database, writers: 1 },
      );
      await server.users('D', 'P', 'Q');
      elsewhere = openDatabase(url);
    });
    after(async () => {
      await server.stop();
      await elsewhere.close();
    });

    /** From then on the sessions are remembered, and what their sends take is prepared. */
    beforeEach(async () => {
      [s, t, u] = [`s${++sessions}`, `t${sessions}`, `u${sessions}`];
      for (const id of [s, t, u]) await server.session(id, 1, 'D', 'P');
      for (let round = 0; round < 2; round += 1) {
        for (const id of [s, t, u]) {
          await submit(id);
          await Promise.all([submit(id), submit(id)]);
        }
        await Promise.all([s, t, u].flatMap((id) => [submit(id), submit(id)]));
      }
      Object.assign(counts, { sent: 0, behind: 0 });
    });

    afterEach(() => release());

    let messages = 0;
    const submit = (sessionId: string, clientMsgId: string | null = null): Promise<Sent> =>
      server.context.writers.submit({
        sessionId,
        senderId: 'D',
        byBackend: true,
        message: { type: 1, content: `message ${++messages}` },
        clientMsgId,
      });

    /** What is stored of a session, in its order. */
    async function stored(id: string): Promise<{ id: number; content: string; timestamp: string }[]> {
      return await elsewhere.kysely
        .selectFrom('muc_messages')
        .select(['id', 'content', 'timestamp'])
        .where('session_id', '=', id)
        .orderBy('id')
        .execute();
    }

    /**
     * Holds up every commit that needs the row of session `s`, until `end`.
     * @param change what is changed meanwhile, as if another process had done so
     */
    async function hold(): Promise<{ end: (change?: string) => Promise<void> }> {
      let proceed: (change?: string) => void = () => undefined;
      const released = new Promise<string | undefined>((resolve) => {
        proceed = resolve;
      });
      let held: () => void = () => undefined;
      const holding = new Promise<void>((resolve) => {
        held = resolve;
      });
      const { dialect } = elsewhere;
      const ended = elsewhere.connection(async (run) => {
        await run([
          { sql: dialect.begin, parameters: [] },
          { sql: `select id from sessions where id = ?${dialect.forUpdate}`, parameters: [s] },
        ]);
        held();
        const change = await released;
        await run([
          ...(change === undefined ? [] : [{ sql: change, parameters: [] }]),
          { sql: 'commit', parameters: [] },
        ]);
      });
      await holding;
      const end = async (change?: string) => {
        proceed(change);
        await ended;
      };
      release = end;
      return { end };
    }

    /** Resolves when one transaction was. */
    const counted = (which: keyof Counted) =>
      waitUntil(
        () => counts[which] === 1,
        5_000,
        () => `a transaction was not ${which}`,
      );

    /** Sends that are under way in two transactions, one behind the other, neither of which can end. */
    async function twoUnderWay(first: () => Promise<Sent>[], second: () => Promise<Sent>[]) {
      const lock = await hold();
      const outcomes = [Promise.allSettled(first())];
      await counted('sent');
      outcomes.push(Promise.allSettled(second()));
      await counted('behind');
      return {
        end: async (change?: string) => {
          await lock.end(change);
          return (await Promise.all(outcomes)).flat();
        },
      };
    }

    function rows(outcomes: PromiseSettledResult<Sent>[]) {
      return outcomes.map((outcome) => {
        should(outcome.status).equal('fulfilled');
        return (outcome as PromiseFulfilledResult<Sent>).value.row;
      });
    }

    /** Two at least: a lone send is not worth a thread on SQLite. */
    const pair = (id: string) => [submit(id), submit(id)];

    it('is stored after it, in the order of the sends', async () => {
      const before = (await stored(s)).length;
      const underWay = await twoUnderWay(
        () => [...pair(s), submit(t)],
        () => [...pair(s), ...pair(u)],
      );
      const sent = rows(await underWay.end());
      should((await stored(s)).slice(before).map(({ id }) => id)).eql(
        [0, 1, 3, 4].map((index) => sent[index]!.id),
      );
      const all = await stored(s);
      all.slice(1).forEach((row, index) => {
        should(row.timestamp > all[index]!.timestamp).be.true();
      });
      counts.behind.should.equal(1);
    });

    it('tells every socket each message once, in order', async () => {
      const socket = await server.socket('P', s);
      const underWay = await twoUnderWay(
        () => pair(s),
        () => [...pair(s), submit(s)],
      );
      const sent = rows(await underWay.end());
      const told: number[] = [];
      while (told.length < sent.length) {
        const frame = await socket.next('message');
        told.push((frame.data as { message: { id: number } }).message.id);
      }
      should(told).eql(sent.map(({ id }) => id));
      await socket.close();
    });

    it('falls with it, and both are stored in their order all the same', async () => {
      const before = (await stored(s)).length;
      const other = (await stored(u)).length;
      const underWay = await twoUnderWay(
        () => pair(s),
        () => [...pair(s), ...pair(u)],
      );
      const sent = rows(
        await underWay.end(`update sessions set members_version = members_version + 1 where id = '${s}'`),
      );
      should((await stored(s)).slice(before).map(({ id }) => id)).eql(sent.slice(0, 4).map(({ id }) => id));
      should((await stored(u)).slice(other).map(({ id }) => id)).eql(sent.slice(4).map(({ id }) => id));
      // What each session is remembered to be is true again.
      Object.assign(counts, { sent: 0, behind: 0 });
      await Promise.all(pair(u));
      (await stored(u)).length.should.equal(other + 4);
    });

    it('knows a repeat of what is under way before it', async () => {
      const before = (await stored(s)).length;
      const underWay = await twoUnderWay(
        () => [submit(s, 'once'), submit(s, 'other')],
        () => [submit(s, 'once'), submit(s, 'third')],
      );
      const sent = await underWay.end();
      const values = sent.map((outcome) => (outcome as PromiseFulfilledResult<Sent>).value);
      should(values.map(({ created }) => created)).eql([true, true, false, true]);
      should(values[2]!.row).eql(values[0]!.row);
      (await stored(s)).length.should.equal(before + 3);
      await elsewhere.kysely.deleteFrom('muc_messages').where('client_key', 'is not', null).execute();
    });

    it('leaves the one before it as it is when it fails itself', async () => {
      const before = (await stored(s)).length;
      // JSON has no such number; it is found out before anything of it is sent.
      const poison = () =>
        server.context.writers.submit({
          sessionId: s,
          senderId: 'D',
          byBackend: true,
          message: { type: 1, content: 1n } as never,
          clientMsgId: null,
        });
      const lock = await hold();
      const first = Promise.allSettled(pair(s));
      await counted('sent');
      const second = Promise.allSettled([submit(s), poison(), submit(s)]);
      await delay(30);
      const lines = await linesPrintedBy(async () => {
        await lock.end();
        should((await first).map(({ status }) => status)).eql(['fulfilled', 'fulfilled']);
        should((await second).map(({ status }) => status)).eql(['fulfilled', 'rejected', 'fulfilled']);
      });
      lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
      (await stored(s)).length.should.equal(before + 4);
    });

    it('is waited for by who wants to know what is being committed', async () => {
      const underWay = await twoUnderWay(
        () => pair(s),
        () => pair(s),
      );
      let settled = false;
      const waiting = server.context.writers.settled(s).then(() => {
        settled = true;
      });
      await delay(20);
      settled.should.be.false();
      const sent = rows(await underWay.end());
      await waiting;
      sent.length.should.equal(4);
    });

    it('is not sent by a lone sender, who waits for nobody', async () => {
      for (let count = 0; count < 5; count += 1) await submit(s);
      counts.behind.should.equal(0);
    });

    // SQLite is not lost: it is in this process.
    if (database.name === 'sqlite') return;

    it('is refused, as the one before it, when the database is lost, and nothing is stored twice', async () => {
      const before = (await stored(s)).length;
      const underWay = await twoUnderWay(
        () => [submit(s, 'lost 1'), submit(s, 'lost 2')],
        () => [submit(s, 'lost 3'), submit(s, 'lost 4')],
      );
      // Whoever waits for the row is killed.
      let killed = 0;
      for (let count = 0; count < 200 && killed === 0; count += 1) {
        const { rows: waiting } = await sql<{ id: number }>`select id from information_schema.processlist
          where db = database() and (info like 'update sessions%' or info like 'insert into sessions%')`.execute(
          elsewhere.kysely,
        );
        for (const { id } of waiting) await sql.raw(`kill connection ${id}`).execute(elsewhere.kysely);
        killed += waiting.length;
        await delay(10);
      }
      killed.should.equal(1);
      const outcomes = await underWay.end();
      for (const outcome of outcomes) {
        should(outcome.status).equal('rejected');
        const { reason } = outcome as PromiseRejectedResult;
        const known =
          reason instanceof AppError
            ? reason.code === 'unavailable'
            : elsewhere.dialect.isUnavailable(reason);
        known.should.be.true();
      }
      (await stored(s)).length.should.equal(before);
      const again = await Promise.all(['lost 1', 'lost 2', 'lost 3', 'lost 4'].map((id) => submit(s, id)));
      should(again.every(({ created }) => created)).be.true();
      (await stored(s)).length.should.equal(before + 4);
    });
  },
  { sqlite: 'file' },
);
