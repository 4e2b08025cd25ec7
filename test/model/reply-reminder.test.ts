import should from 'should';
import { later } from '../../src/db/time';
import { databaseNow } from '../../src/db/clock';
import { eachDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { WebhookReceiver } from '../support/webhook-receiver';
import { eventsOf } from './webhook-fixture';

const MINUTE_MS = 60_000;

eachDatabase('A topic that waits too long for its first reply', (database) => {
  let receiver: WebhookReceiver;
  const servers: TestServer[] = [];

  before(async () => {
    receiver = await WebhookReceiver.start();
    const settings = {
      IM_DATABASE_URL: await database.freshUrl(),
      IM_REPLY_REMIND_MS: String(MINUTE_MS),
      IM_WEBHOOK_EVENTS: 'topic.overdue',
      ...receiver.settings,
    };
    servers.push(await TestServer.start(settings));
    if (database.name !== 'sqlite') servers.push(await TestServer.start(settings));
    await servers[0]!.users('D', 'P', 'P2');
  });
  after(async () => {
    for (const server of servers) await server.stop();
    await receiver.stop();
  });

  /** A topic that started so long ago. */
  async function topic(id: string, agoMs: number): Promise<void> {
    const [server] = servers;
    await server!.session(id, 1, 'D', 'P');
    await server!
      .request('post', `/sessions/${id}/topics`)
      .send({ session_id: id, user_id: 'P', name: 'x' })
      .expect(201);
    await age(id, agoMs);
  }

  async function age(id: string, agoMs: number): Promise<void> {
    const { dialect, kysely } = servers[0]!.context.database;
    const time = later(await databaseNow(kysely, dialect), -agoMs);
    await kysely.updateTable('topics').set({ create_time: time }).where('id', '=', id).execute();
  }

  it('is told once, to its doctors’ sockets and to the platform, however many processes run', async () => {
    const [server] = servers;
    await topic('answered', 0);
    await server!.send('answered', 'D', 'an answer');
    await topic('late', 0);
    // They have no bus: whichever process finds the topic first tells its own sockets, which have to know the session.
    const doctors = await Promise.all(servers.map((each) => each.socket('D')));
    const told = () => doctors.flatMap(({ frames }) => frames.filter(({ type }) => type === 'topic_overdue'));
    const patient = await server!.socket('P', 'late');
    await age('late', 2 * MINUTE_MS);
    await topic('too-late', 25 * 60 * MINUTE_MS);
    await topic('in-time', MINUTE_MS / 10);
    await server!.context.database.kysely
      .updateTable('topics')
      .set({ create_time: '2026-01-01 00:00:00.000' })
      .where('id', '=', 'answered')
      .execute();
    await waitUntil(
      () => told().length > 0,
      20_000,
      () => 'nobody was told',
    );
    should(told()[0]!.data.topic).containEql({
      id: 'late',
      session_id: 'late',
      name: 'x',
      reply: 0,
      status: 0,
    });
    const [event] = await receiver.waitFor(1);
    should(event).containEql({ type: 'topic.overdue' });
    should(event!.data).containEql({ session_id: 'late', sequence: 1 });
    should(event!.data.topic).containEql({ id: 'late', reply: 0 });

    const marks = async () => {
      const rows = await server!.context.database.kysely
        .selectFrom('topics')
        .select(['id', 'overdue_time'])
        .execute();
      return rows
        .filter(({ overdue_time }) => overdue_time !== null)
        .map(({ id }) => id)
        .sort();
    };
    await waitUntil(
      async () => (await marks()).length === 2,
      20_000,
      () => 'the marks are not there',
    );
    // Longer than any process takes from one look to the next.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    should(await marks()).eql(['late', 'too-late']);
    for (const id of ['answered', 'too-late', 'in-time']) should(await eventsOf(server!, id)).eql([]);
    receiver.accepted.length.should.equal(1);
    told().length.should.equal(1);
    patient.frames.some(({ type }) => type === 'topic_overdue').should.be.false();
    for (const doctor of doctors) await doctor.close();
    await patient.close();
  });
});
