import should from 'should';
import { toSqlTime } from '../../src/db/time';
import { eachDatabase } from '../support/databases';
import { freePort } from '../support/free-port';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { WebhookReceiver } from '../support/webhook-receiver';
import { eventsOf, eventsWhen, QUICK } from './webhook-fixture';

const SENDERS = 40;
const EACH = 5;
/** Of one session whose events nobody takes. */
const STUCK = 20_000;
const OTHERS = 300;

eachDatabase('The events of many sessions', (database) => {
  let receiver: WebhookReceiver;
  const servers: TestServer[] = [];

  before(async () => {
    // It is stopped and started on the same port.
    receiver = await WebhookReceiver.start(undefined, await freePort());
    const settings = {
      IM_DATABASE_URL: await database.freshUrl(),
      IM_WEBHOOK_RETRY_MS: QUICK,
      IM_SEND_RATE: '1000',
      ...receiver.settings,
    };
    servers.push(await TestServer.start(settings));
    // SQLite in memory is one server's own.
    if (database.name !== 'sqlite') servers.push(await TestServer.start(settings));
    await servers[0]!.users('D');
  });
  beforeEach(() => receiver.reset());
  after(async () => {
    for (const server of servers) await server.stop();
    await receiver.stop();
  });

  it('of one session come in order, one at a time, each once, under 40 senders', async function () {
    this.timeout(120_000);
    await servers[0]!.session('busy', 3, 'D');
    let refused = false;
    receiver.answer = ({ event }) => {
      // One failure in the middle holds up what is behind it.
      const refuses = event.data.sequence === 60 && !refused;
      refused ||= refuses;
      return { status: refuses ? 500 : 200 };
    };
    await Promise.all(
      Array.from({ length: SENDERS }, async (_none, sender) => {
        for (let count = 0; count < EACH; count += 1)
          await servers[sender % servers.length]!.send('busy', 'D', `${sender} ${count}`);
      }),
    );
    const events = await receiver.waitFor(SENDERS * EACH, 90_000);
    should(events.map(({ data }) => data.sequence)).eql(
      Array.from({ length: SENDERS * EACH }, (_none, index) => index + 1),
    );
    const ids = events.map(({ data }) => data.message.id as number);
    should(ids).eql([...ids].sort((first, second) => first - second));
    should(new Set(ids).size).equal(SENDERS * EACH);
  });

  it('go side by side, 32 in a process', async function () {
    this.timeout(120_000);
    const [server] = servers;
    const count = 40;
    for (let index = 0; index < count; index += 1) await server!.session(`side-${index}`, 3, 'D');
    receiver.answer = () => 'hang';
    for (let index = 0; index < count; index += 1) await server!.send(`side-${index}`, 'D', 'x');
    const most = Math.min(count, 32 * servers.length);
    await waitUntil(
      () => receiver.most === most,
      20_000,
      () => `${receiver.most} of ${most} are under way`,
    );
    // A claim runs out in less than 30 s, and then another process takes the event up.
    const [claimed] = await eventsWhen(server!, 'side-0', ([row]) => row?.claimed_by !== null);
    should(Date.parse(`${claimed!.due_time!.replace(' ', 'T')}Z`) - Date.now()).be.within(1, 28_000);
    const port = Number(new URL(receiver.url).port);
    await receiver.stop();
    receiver = await WebhookReceiver.start(receiver.secret, port);
    await receiver.waitFor(count, 40_000);
  });

  it('are not held up by one that is stuck with many', async function () {
    this.timeout(120_000);
    const [server] = servers;
    const db = server!.context.database.kysely;
    const now = toSqlTime(Date.now() - 60_000);
    await server!.session('stuck', 3, 'D');
    receiver.answer = ({ event }) => ({ status: event.data.session_id === 'stuck' ? 500 : 200 });
    const event = (id: string, session_id: string, sequence: number) => ({
      id,
      type: 'participants.changed' as const,
      session_id,
      sequence,
      state: 'pending' as const,
      create_time: now,
      update_time: now,
      due_time: now,
      details: '{}',
    });
    const insert = async <Row>(rows: readonly Row[], store: (part: readonly Row[]) => Promise<unknown>) => {
      for (let start = 0; start < rows.length; start += 1_000) await store(rows.slice(start, start + 1_000));
    };
    const others = Array.from({ length: OTHERS }, (_none, index) => `other-${index}`);
    const stuck = Array.from({ length: STUCK }, (_none, index) =>
      event(`stuck-${index}`, 'stuck', index + 1),
    );
    await insert(others, (part) =>
      db
        .insertInto('sessions')
        .values(
          part.map((id) => ({ id, type: 3, name: 'x', business_type: 1, create_date: now, clock_time: now })),
        )
        .execute(),
    );
    await insert([...stuck, ...others.map((id) => event(id, id, 1))], (part) =>
      db.insertInto('webhook_events').values(part).execute(),
    );
    const begin = Date.now();
    await receiver.waitFor(OTHERS, 60_000);
    const tookMs = Date.now() - begin;
    const tries = receiver.requests.filter(({ event }) => event.data.session_id === 'stuck');
    should(new Set(tries.map(({ event }) => event.data.sequence)).size).be.belowOrEqual(
      1 + Math.floor(tookMs / 1_000),
    );
    // What waits behind the stuck one is looked at once, and then no more.
    await waitUntil(
      async () => (await due()) <= 1,
      40_000,
      () => 'events that are not their sessions’ heads are still due',
    );
    async function due(): Promise<number> {
      const row = await db
        .selectFrom('webhook_events')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('state', '=', 'pending')
        .where('due_time', 'is not', null)
        .executeTakeFirstOrThrow();
      return row.count;
    }
    (await eventsOf(server!, 'stuck')).length.should.equal(STUCK);
  });
});
