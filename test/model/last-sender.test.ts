import should from 'should';
import { sql } from 'kysely';
import { statement } from '../../src/db/sql-text';
import { toIso } from '../../src/db/time';
import { Append, lockSession } from '../../src/model/append';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

interface Sent {
  id: number;
  timestamp: string;
}

/** The same ones each time. (A linear congruential generator with the constants of Numerical Recipes.) */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A session's last sender: what its row among the participants does not tell yet, the session's row does. */
eachDatabase(
  "A session's last sender",
  (database) => {
    let here: TestServer;
    let elsewhere: TestServer;
    let sessions = 0;
    let session: string;
    /** Who takes part; new ones each time, since when they consulted is asked over all of their sessions. */
    let a: string;
    let b: string;
    let p: string;

    before(async () => {
      const url = await database.freshUrl();
      here = await TestServer.start({ IM_DATABASE_URL: url });
      elsewhere = await TestServer.start({ IM_DATABASE_URL: url });
    });

    beforeEach(async () => {
      sessions += 1;
      session = `s${sessions}`;
      [a, b, p] = [`A${sessions}`, `B${sessions}`, `P${sessions}`];
      await here.users(a, b, p);
      await here.session(session, 1, a, b, p);
    });

    afterEach(terminateAll);

    after(async () => {
      await here.stop();
      await elsewhere.stop();
    });

    const send = (sender: string, server = here): Promise<Sent> => server.send(session, sender, 'text');

    /** What the user's own row says. */
    async function rowOf(user: string) {
      return here.context.database.kysely
        .selectFrom('memberships')
        .select(['last_fetch_time', 'last_sent_time'])
        .where('session_id', '=', session)
        .where('participant_id', '=', user)
        .executeTakeFirstOrThrow();
    }

    async function position(user: string): Promise<string> {
      const { body } = await here.request('get', `/sessions/${session}/participants/${user}`).expect(200);
      return body.last_fetch_time as string;
    }

    async function consulted(user: string): Promise<string | null> {
      const { body } = await here.request('get', `/users/${user}/consult/time`).expect(200);
      return body.last_consult_time as string | null;
    }

    async function unread(user: string): Promise<number> {
      const { body } = await here
        .request('get', `/sessions/unread_message_count?user_id=${user}`)
        .expect(200);
      return body.count as number;
    }

    async function members(change: Record<string, unknown>): Promise<void> {
      await here.request('put', `/sessions/${session}/participant/update`).send(change).expect(200);
    }

    /** All in one transaction. @returns when they were sent */
    async function submit(...senders: string[]): Promise<string[]> {
      const sent = await Promise.all(
        senders.map((senderId) =>
          here.context.writers.submit({
            sessionId: session,
            senderId,
            byBackend: true,
            message: { type: 1, content: 'together' },
            clientMsgId: null,
          }),
        ),
      );
      return sent.map(({ row }) => toIso(row.timestamp));
    }

    it('writes nothing but the session while it sends alone, and has read and sent up to the last', async () => {
      await send(a);
      const before = await rowOf(a);
      await send(a);
      const last = await send(a);
      should(await rowOf(a)).eql(before);
      should(await position(a)).equal(last.timestamp);
      should(await consulted(a)).equal(last.timestamp);
      should(await unread(a)).equal(0);
      // Also for whoever asks the database itself.
      const newer = await sql`select m.id from muc_messages m, participants p where p.session_id = ${session}
        and p.participant_id = ${a} and m.session_id = p.session_id and m.timestamp > p.last_fetch_time`.execute(
        here.context.database.kysely,
      );
      should(newer.rows).eql([]);
    });

    for (const where of ['here', 'elsewhere'] as const) {
      it(`gets its row when somebody else sends ${where}`, async () => {
        const last = await send(a);
        const other = await send(b, where === 'here' ? here : elsewhere);
        const row = await rowOf(a);
        should(toIso(row.last_fetch_time)).equal(last.timestamp);
        should(toIso(row.last_sent_time ?? '')).equal(last.timestamp);
        should(await position(a)).equal(last.timestamp);
        should(await consulted(a)).equal(last.timestamp);
        should(await consulted(b)).equal(other.timestamp);
        should([await unread(a), await unread(b), await unread(p)]).eql([1, 1, 2]);
      });
    }

    it('gets its row when the platform sends', async () => {
      const last = await send(a);
      await here.request('post', `/sessions/${session}/messages`).send({ type: 0, content: 'x' }).expect(201);
      should(await position(a)).equal(last.timestamp);
      should(await consulted(a)).equal(last.timestamp);
      should(await unread(a)).equal(1);
    });

    it('gets its row when a topic starts', async () => {
      const last = await send(a);
      await here
        .request('post', `/sessions/${session}/topics`)
        .send({ session_id: session, user_id: p, name: 'a topic' })
        .expect(201);
      should(await position(a)).equal(last.timestamp);
      should(await consulted(a)).equal(last.timestamp);
    });

    it('keeps its times when it takes turns with another, in two processes', async () => {
      const sent: Record<string, Sent> = {};
      for (let turn = 0; turn < 6; turn += 1) {
        const user = turn % 2 === 0 ? a : b;
        sent[user] = await send(user, turn % 3 === 0 ? here : elsewhere);
      }
      should(await consulted(a)).equal(sent[a]?.timestamp);
      should(await consulted(b)).equal(sent[b]?.timestamp);
    });

    for (const where of ['here', 'elsewhere'] as const) {
      it(`has not read what came between its own in one transaction, also when it sends again, and another ${where}`, async () => {
        const [first] = await submit(a, b, a);
        should(await position(a)).equal(first);
        const again = await send(a);
        should([await position(a), await consulted(a)]).eql([first, again.timestamp]);
        should(await unread(a)).equal(1);
        await send(b, where === 'here' ? here : elsewhere);
        should([await position(a), await consulted(a)]).eql([first, again.timestamp]);
        should(await unread(a)).equal(2);
      });
    }

    it('with something unread that sends with others keeps what it had read', async () => {
      const [first] = await submit(a, b, a);
      const [again] = await submit(a, b);
      should([await position(a), await consulted(a)]).eql([first, again]);
      should(await unread(a)).equal(2);
    });

    it('with something unread has sent, and not read', async () => {
      const before = await position(a);
      await send(b);
      const last = await send(a);
      should([await position(a), await consulted(a)]).eql([before, last.timestamp]);
      await send(b);
      should([await position(a), await consulted(a)]).eql([before, last.timestamp]);
      should(await unread(a)).equal(2);
    });

    it('that reads what it sent itself moves nothing, and nobody hears of it', async () => {
      await send(a);
      const last = await send(a);
      const reader = await here.socket(a, session);
      const other = await here.socket(b, session);
      reader.send('read', { message_id: last.id });
      await reader.request('ping');
      await other.expectNothing('read', 100);
      should(await position(a)).equal(last.timestamp);
    });

    it('that is removed keeps when it consulted, and comes again with nothing of it lost', async () => {
      const last = await send(a);
      await members({ remove: [a] });
      should(await consulted(a)).equal(last.timestamp);
      await members({ add: [{ id: a }] });
      const come = await position(a);
      should(come > last.timestamp).be.true();
      should(await consulted(a)).equal(last.timestamp);
      await send(b);
      should([await position(a), await consulted(a)]).eql([come, last.timestamp]);
      should(await unread(a)).equal(1);
    });

    it('that was removed is not made a participant again by the next send', async () => {
      const last = await send(a);
      await members({ remove: [a] });
      await send(b);
      await here.request('get', `/sessions/${session}/participants/${a}`).expect(404);
      should(await consulted(a)).equal(last.timestamp);
    });

    it('that sends among others has its row written once in a while, and what it sent last is found all the same', async () => {
      await submit(b, a, p);
      const before = await rowOf(a);
      for (let turn = 0; turn < 3; turn += 1) {
        const [first, second, last] = await submit(b, a, p);
        should(await consulted(a)).equal(second);
        should([await consulted(b), await consulted(p)]).eql([first, last]);
      }
      should(before.last_sent_time).be.a.String();
      should(await rowOf(a)).eql(before);
    });

    it('that sends among others in a while is written all the same when it has read', async () => {
      await submit(b, a, b);
      await here.request('get', `/sessions/${session}/messages?user_id=${a}`).expect(200);
      const last = await send(a);
      await send(b);
      should([await position(a), await consulted(a)]).eql([last.timestamp, last.timestamp]);
    });

    it('that was removed and came again elsewhere is written again among others', async () => {
      await submit(b, a, b);
      for (const change of [{ remove: [a] }, { add: [{ id: a }] }])
        await elsewhere.request('put', `/sessions/${session}/participant/update`).send(change).expect(200);
      const [, last] = await submit(b, a, b);
      should(await consulted(a)).equal(last);
    });

    it('that is removed soon after its row was written keeps what it sent since', async () => {
      await send(a);
      await send(b);
      const last = await send(a);
      await send(b);
      await members({ remove: [a] });
      should(await consulted(a)).equal(last.timestamp);
    });

    it('that comes again has a new row, which is written anew', async () => {
      await send(a);
      await send(b);
      await members({ remove: [a] });
      await members({ add: [{ id: a }] });
      for (const server of [here, elsewhere]) {
        const last = await send(a, server);
        await send(b, server);
        should(await consulted(a)).equal(last.timestamp);
      }
    });

    it('has its row written again when what it tells is too old', async () => {
      const { database: own } = here.context;
      const begin = Date.now();
      let locked = await own.connection((run) => lockSession(run, own.dialect, session));
      const rows: (string | null)[] = [];
      const times: string[] = [];
      // Each of A's is followed by one of B's, so that it is not the last.
      for (const seconds of [0, 3, 6, 9, 11, 14, 22]) {
        await own.connection(async (run) => {
          const append = new Append(
            own.dialect,
            () => ({ state: 'skipped', delayMs: 0 }),
            begin + seconds * 1000,
          );
          const of = (senderId: string) => ({
            senderId,
            senderName: senderId,
            type: 1,
            content: '"x"',
            client: null,
          });
          times.push(toIso(append.add(locked!, of(a)).row.timestamp));
          append.add(locked!, of(b));
          await append.store(run, { before: [statement(own.dialect.begin)], rest: [statement('commit')] });
          [locked] = append.remembered();
        });
        rows.push((await rowOf(a)).last_sent_time);
        should(await consulted(a)).equal(times.at(-1));
      }
      const written = rows.map((time) => toIso(time ?? ''));
      const [first, , , , fifth, , seventh] = times;
      should(written).eql([first, first, first, first, fifth, fifth, seventh]);
    });

    for (const seed of [1, 2, 3]) {
      it(`is as the rule says, whatever happens, in two processes (${seed})`, async () => {
        const random = randomNumbers(seed);
        const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
        const there = new Set([a, b, p]);
        /** By the rule alone: all messages, and of each participant up to when it has read and when it sent. */
        const messages: { id: number; sender: string; time: string }[] = [];
        const fetched = new Map<string, string>();
        const sent = new Map<string, string | null>();
        for (const user of there) {
          fetched.set(user, await position(user));
          sent.set(user, null);
        }
        const unreadOf = (user: string) =>
          messages.filter(({ sender, time }) => sender !== user && time > fetched.get(user)!).length;
        const wasSent = (id: number, sender: string, time: string) => {
          const nothingUnread = unreadOf(sender) === 0;
          messages.push({ id, sender, time });
          sent.set(sender, time);
          if (nothingUnread && time > fetched.get(sender)!) fetched.set(sender, time);
        };
        const happen: (() => Promise<void>)[] = [
          async () => {
            const sender = pick([...there]);
            const { id, timestamp } = await send(sender, pick([here, here, elsewhere]));
            wasSent(id, sender, timestamp);
          },
          async () => {
            const senders = Array.from({ length: 4 }, () => pick([...there]));
            const times = await submit(...senders);
            senders.forEach((sender, index) => wasSent(0, sender, times[index]!));
          },
          async () => {
            const reader = pick([...there]);
            const last = messages.at(-1);
            await pick([here, elsewhere])
              .request('get', `/sessions/${session}/messages?user_id=${reader}`)
              .expect(200);
            if (last !== undefined && last.time > fetched.get(reader)!) fetched.set(reader, last.time);
          },
          async () => {
            const known = messages.filter(({ id }) => id > 0);
            const reader = pick([...there]);
            if (known.length === 0) return;
            const { id, time } = pick(known);
            const socket = await pick([here, elsewhere]).socket(reader, session);
            socket.send('read', { message_id: id });
            if (time > fetched.get(reader)!) fetched.set(reader, time);
            const told = async () => (await position(reader)) >= fetched.get(reader)!;
            await waitUntil(told, 3_000, () => 'nothing was read');
          },
          async () => {
            const user = pick([a, b]);
            const server = pick([here, elsewhere]);
            const change = there.has(user) ? { remove: [user] } : { add: [{ id: user }] };
            await server.request('put', `/sessions/${session}/participant/update`).send(change).expect(200);
            if (there.delete(user)) return;
            there.add(user);
            fetched.set(user, await position(user));
          },
        ];
        for (let step = 0; step < 60; step += 1) {
          await pick([...happen, happen[0]!, happen[1]!, happen[1]!, happen[1]!, happen[2]!])();
          for (const user of [a, b, p]) {
            const expected = there.has(user)
              ? { read: fetched.get(user), unread: unreadOf(user), sent: sent.get(user) }
              : { read: null, unread: 0, sent: sent.get(user) };
            const read = there.has(user) ? await position(user) : null;
            should({ read, unread: await unread(user), sent: await consulted(user) }).eql(
              expected,
              `${user} after step ${step}`,
            );
          }
        }
      });
    }

    it("is shown by its sessions' list and login as having read all", async () => {
      await send(b);
      await here.request('get', `/sessions/${session}/messages?user_id=${a}`).expect(200);
      const last = await send(a);
      const { body } = await here.request('get', `/sessions?user_id=${a}`).expect(200);
      should((body.items as { unread_count: number }[]).map((each) => each.unread_count)).eql([0]);
      const socket = await connect(here.url);
      const { data } = await socket.login(await here.token(a), session, 'doctor');
      should(data).match({ unread_count: 0, last_message_id: last.id });
      const after = await here
        .request('get', `/sessions/${session}/messages/unread?user_id=${a}`)
        .expect(200);
      should(after.body.items).eql([]);
    });
  },
  { sqlite: 'file' },
);
