import should from 'should';
import { fromSqlTime } from '../../src/db/time';
import { type Database } from '../../src/db/database';
import { eachDatabase } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { APP_KEY, TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { type Answer, newSecret, WebhookReceiver } from '../support/webhook-receiver';
import { eventsOf, eventsWhen, QUICK, withWebhooks } from './webhook-fixture';

/** Sends so many messages in the session. */
async function sendMany(server: TestServer, session: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await server.send(session, 'D', String(index));
}

eachDatabase('An event that the webhook does not take', (database) => {
  const stage = withWebhooks(database, { IM_WEBHOOK_RETRY_MS: '20,40' });
  let sessions = 0;
  let session: string;
  beforeEach(async () => {
    session = `s${(sessions += 1)}-`;
    // One test's last tries may come while the next one runs.
    stage.receiver.reset(session);
    await stage.server.session(session, 3, 'D');
  });

  it('is tried again after the waits, then fails, and the next one of its session follows', async () => {
    const { receiver, server } = stage;
    receiver.answer = ({ event }) => ({ status: event.data.sequence === 1 ? 500 : 204 });
    await sendMany(server, session, 2);
    const [second] = await receiver.waitFor(1);
    should(second!.data.sequence).equal(2);
    const tries = receiver.requests.filter(({ event }) => event.data.sequence === 1);
    tries.length.should.equal(3);
    should(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).equal(1);
    const [first] = await eventsWhen(server, session, (rows) => rows[1]?.state === 'sent');
    should(first).containEql({ state: 'failed', attempts: 3, last_error: 'HTTP 500' });
  });

  it('can be sent anew, ahead of others', async () => {
    const { receiver, server } = stage;
    receiver.answer = () => ({ status: 500 });
    await sendMany(server, session, 1);
    const [failed] = await eventsWhen(server, session, ([first]) => first?.state === 'failed');
    const resend = (id: string) => server.request('post', `/application/webhook_events/${id}/resend`);

    // The second one is stuck, the third one waits behind it.
    let isOpen = false;
    receiver.answer = ({ event }) =>
      event.data.sequence === 1 || isOpen ? {} : { status: 503, headers: { 'retry-after': '2' } };
    await sendMany(server, session, 2);
    await eventsWhen(server, session, ([, second]) => second?.attempts === 1);
    const { body } = await resend(failed!.id).expect(202);
    should(body).containEql({ id: failed!.id, state: 'pending', attempts: 0, sequence: 1 });
    const [again] = await receiver.waitFor(1);
    should(again!.data.sequence).equal(1);
    isOpen = true;
    should((await receiver.waitFor(3)).map(({ data }) => data.sequence)).eql([1, 2, 3]);
    await eventsWhen(server, session, (rows) => rows.every(({ state }) => state === 'sent'));
    (await resend(failed!.id).expect(409)).body.code.should.equal('conflict');
    (await resend('nobody').expect(404)).body.code.should.equal('not_found');
  });

  it('waits longer where it is asked to, and never shorter', async () => {
    const { receiver, server } = stage;
    const asked = ['3', 'Fri, 31 Dec 1999 23:59:59 GMT', new Date(Date.now() + 99 * 3_600_000).toUTCString()];
    const waits: number[] = [];
    for (const [index, retryAfter] of asked.entries()) {
      receiver.answer = () => ({ status: 429, headers: { 'retry-after': retryAfter } });
      const own = `${session}-${index}`;
      await server.session(own, 3, 'D');
      await sendMany(server, own, 1);
      const [row] = await eventsWhen(
        server,
        own,
        ([first]) => (first?.attempts ?? 0) >= 1 && first?.claimed_by === null,
      );
      waits.push(fromSqlTime(row!.due_time!) - fromSqlTime(row!.update_time));
    }
    should(waits[0]).be.within(1_500, 3_100);
    should(waits[1]).be.below(1_000);
    should(waits[2]).be.within(86_000_000, 86_400_100);
  });

  it('is not followed to another place, and not lost with its connection', async () => {
    const { receiver, server } = stage;
    const answers: Answer[] = [{ status: 302, headers: { location: '/elsewhere' } }, 'close'];
    receiver.answer = () => answers.shift() ?? {};
    await sendMany(server, session, 1);
    await receiver.waitFor(1);
    should(receiver.requests.map(({ url }) => url)).eql(['/hook', '/hook', '/hook']);
  });

  it('fails when its message is gone', async () => {
    const { receiver, server } = stage;
    receiver.answer = ({ event }) =>
      event.data.sequence === 1 ? { status: 503, headers: { 'retry-after': '2' } } : {};
    await sendMany(server, session, 2);
    await eventsWhen(server, session, ([first]) => first?.attempts === 1);
    const { kysely }: Database = server.context.database;
    const [first] = await eventsOf(server, session);
    await kysely.deleteFrom('group_messages').where('id', '=', first!.message_id!).execute();
    await receiver.waitFor(1);
    const [gone] = await eventsOf(server, session);
    should(gone).containEql({ state: 'failed', last_error: 'the message is gone', attempts: 1 });
    should(gone!.due_time).equal(gone!.update_time);
  });

  it('is seen in the list, which has filters and pages', async () => {
    const { receiver, server } = stage;
    receiver.answer = ({ event }) => ({ status: event.data.sequence === 2 ? 500 : 200 });
    await sendMany(server, session, 3);
    await eventsWhen(server, session, (rows) => rows[2]?.state === 'sent');
    const list = async (query: string) => {
      const { body } = await server
        .request('get', `/application/webhook_events?session_id=${session}&${query}`)
        .expect(200);
      return body as { items: { sequence: number }[]; next: string | null };
    };
    const first = await list('limit=2');
    should(first.items.map(({ sequence }) => sequence)).eql([3, 2]);
    should(Object.keys(first.items[0]!)).eql([
      'id',
      'type',
      'session_id',
      'sequence',
      'state',
      'attempts',
      'last_error',
      'create_time',
      'due_time',
      'update_time',
    ]);
    const rest = await list(`limit=2&cursor=${first.next}`);
    should(rest.items.map(({ sequence }) => sequence)).eql([1]);
    should(rest.next).equal(null);
    const failed = await list('state=failed&type=message.created');
    should(failed.items.map(({ sequence }) => sequence)).eql([2]);
    should((await list('type=topic.started')).items).eql([]);
    for (const query of ['state=lost', 'type=message.read', 'session_id=a%20b'])
      await server.request('get', `/application/webhook_events?${query}`).expect(400);
    await server.request('get', '/application/webhook_events', await server.token('D')).expect(403);
  });
});

describe('A webhook', () => {
  const servers: TestServer[] = [];
  let receiver: WebhookReceiver;
  const start = async (settings: Record<string, string> = {}, database = 'sqlite::memory:') => {
    const server = await TestServer.start({
      IM_DATABASE_URL: database,
      IM_WEBHOOK_RETRY_MS: QUICK,
      ...receiver.settings,
      ...settings,
    });
    servers.push(server);
    await server.users('D', 'P').catch(() => undefined);
    await server.session('s', 1, 'D', 'P').catch(() => undefined);
    return server;
  };
  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    await receiver.stop();
  });

  it('that is gone gets nothing more from this process, and its events wait', async () => {
    const server = await start({ IM_LOG_LEVEL: 'info' });
    receiver.answer = () => ({ status: 410 });
    const lines = await linesPrintedBy(async () => {
      await sendMany(server, 's', 1);
      await waitUntil(
        () => receiver.requests.length === 1,
        20_000,
        () => 'nothing came',
      );
      await eventsWhen(server, 's', ([row]) => row?.claimed_by === null);
      await sendMany(server, 's', 1);
      await new Promise((resolve) => setTimeout(resolve, 700));
    });
    receiver.requests.length.should.equal(1);
    should((await eventsOf(server, 's')).map(({ state }) => state)).eql(['pending', 'pending']);
    lines.filter((line) => line.startsWith('[ERROR]') && line.includes('410')).length.should.equal(1);
  });

  it('hears all of a message with `full`', async () => {
    const server = await start({ IM_WEBHOOK_CONTENT: 'full' });
    const content = '{"number":1234567890123456789,"b":1,"a":2}';
    const response = await fetch(`${server.url}/api/v2/sessions/s/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-im-app-key': APP_KEY },
      body: `{"type":0,"content":${content},"client_msg_id":"mine"}`,
    });
    should(response.status).equal(201);
    await server
      .request('post', '/sessions/t-1/topics')
      .send({ session_id: 's', user_id: 'P', name: '血压', description: '高' })
      .expect(201);
    const events = await receiver.waitFor(3);
    receiver.requests[0]!.body.should.containEql(`"content":${content}`);
    should(events[0]!.data.message.client_msg_id).equal('mine');
    should(events[2]!.data.topic).containEql({ name: '血压', description: '高' });
  });

  it('hears of what it wants alone, counted without gaps', async () => {
    const server = await start({ IM_WEBHOOK_EVENTS: 'topic.started , topic.ended' });
    await sendMany(server, 's', 2);
    await server
      .request('post', '/sessions/t-1/topics')
      .send({ session_id: 's', user_id: 'P', name: 'x' })
      .expect(201);
    await server.request('put', '/sessions/s/topics/t-1/ended').send({ user_id: 'D' }).expect(200);
    const events = await receiver.waitFor(2);
    should(events.map(({ data, type }) => [type, data.sequence])).eql([
      ['topic.started', 1],
      ['topic.ended', 2],
    ]);
  });

  it('gets a key of another while it is rotated', async () => {
    const server = await start({ IM_WEBHOOK_SECRET: `${newSecret()}, ${receiver.secret}` });
    await sendMany(server, 's', 1);
    await receiver.waitFor(1);
  });

  it('gives back what is under way when the server stops', async () => {
    const server = await start();
    receiver.answer = () => 'hang';
    await sendMany(server, 's', 1);
    await waitUntil(
      () => receiver.requests.length === 1,
      20_000,
      () => 'nothing came',
    );
    const { kysely } = server.context.database;
    const closing = server.context.webhooks.close();
    await closing;
    const [row] = await kysely.selectFrom('webhook_events').selectAll().execute();
    should(row).containEql({ state: 'pending', attempts: 0, last_error: null, claimed_by: null });
    should(row!.due_time! <= row!.update_time).be.true();
  });

  it('that is off costs nothing: no event is written, and its counter does not move', async () => {
    const server = await TestServer.start();
    servers.push(server);
    await server.users('D', 'P');
    await server.session('s', 1, 'D', 'P');
    await sendMany(server, 's', 1);
    await server
      .request('post', '/sessions/t-1/topics')
      .send({ session_id: 's', user_id: 'P', name: 'x' })
      .expect(201);
    should(await eventsOf(server, 's')).eql([]);
  });
});
