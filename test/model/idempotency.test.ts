import should from 'should';
import { ChildServer } from '../support/child-server';
import { eachDatabase, eachSqlServer } from '../support/databases';
import { type Answer, HttpClient } from '../support/http-client';
import { TestServer } from '../support/server';
import { type SocketClient, terminateAll } from '../support/socket-client';

const REPEATS = 30;

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** One 201, the rest 200, and everybody gets the same message. @returns it */
function shouldBeOneMessage(answers: readonly Answer[]): { id: number; client_msg_id: string } {
  const statuses = answers.map(({ status }) => status).sort();
  should(statuses).eql([...times(answers.length - 1, () => 200), 201]);
  for (const { body } of answers) should(body).eql(answers[0]!.body);
  return answers[0]!.body as { id: number; client_msg_id: string };
}

eachDatabase('A repeated client_msg_id', (database) => {
  let server: TestServer;
  let rest: HttpClient;

  const stored = (session: string) => rest.get(`/sessions/${session}/messages?peek=1&limit=200`);

  before(async () => {
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_SEND_RATE: '1000000',
    });
    rest = new HttpClient(server.url);
    await server.users('D1', 'D2', 'P1');
    for (const id of ['s1', 's2', 's3', 's4', 's5', 's6']) await server.session(id, 3, 'D1', 'D2', 'P1');
    await server.session('system', 0, 'D1', 'P1');
  });

  after(async () => {
    await terminateAll();
    rest.close();
    await server.stop();
  });

  it('is stored once, however many come at once', async () => {
    const answers = await Promise.all(
      times(REPEATS, (index) =>
        rest.send('s1', 'D1', { type: 1, content: `try ${index}`, client_msg_id: 'once' }),
      ),
    );
    const message = shouldBeOneMessage(answers);
    message.client_msg_id.should.equal('once');
    should((await stored('s1')).body.items).eql([message]);
    const later = await rest.send('s1', 'D1', {
      type: 2,
      content: { url: 'http://x.example/' },
      client_msg_id: 'once',
    });
    later.should.eql({ status: 200, body: message });
  });

  it('is one message whether it comes over REST or over sockets', async () => {
    const sockets = await Promise.all([
      server.socket('D1', 's2'),
      server.socket('D1'),
      server.socket('D1', 's1'),
    ]);
    const listener = await server.socket('P1', 's2');
    const message = { type: 1, content: 'both doors', client_msg_id: 'mixed' };
    const [answers, frames] = await Promise.all([
      Promise.all(times(REPEATS / 2, () => rest.send('s2', 'D1', message))),
      Promise.all(
        times(REPEATS / 2, (index) =>
          sockets[index % 3]!.request('message', { session_id: 's2', ...message }),
        ),
      ),
    ]);
    const items = (await stored('s2')).body.items as unknown[];
    items.length.should.equal(1);
    for (const { status, body } of answers) {
      status.should.be.oneOf(200, 201);
      should(body).eql(items[0]);
    }
    answers.filter(({ status }) => status === 201).length.should.be.belowOrEqual(1);
    for (const frame of frames) should(frame).containEql({ type: 'message_ok', data: { message: items[0] } });
    should((await listener.next('message')).data.message).eql(items[0]);
    await listener.expectNothing('message');
    await shouldHearOnce(sockets, items[0]);
  });

  /** A sender's socket hears of its message by `message` at most once, however often it was told `message_ok`. */
  async function shouldHearOnce(sockets: readonly SocketClient[], message: unknown): Promise<void> {
    for (const socket of sockets) {
      await socket.request('ping');
      const heard = socket.frames.filter(({ type }) => type === 'message');
      should(heard.map(({ data }) => data.message as unknown)).eql(heard.map(() => message));
      heard.length.should.be.belowOrEqual(1);
    }
  }

  it('is another message from another sender and in another session', async () => {
    const message = { type: 1, content: 'the same id', client_msg_id: 'shared' };
    const answers = await Promise.all([
      rest.send('s3', 'D1', message),
      rest.send('s3', 'D2', message),
      rest.send('s4', 'D1', message),
      rest.send('s3', 'P1', message),
    ]);
    should(answers.map(({ status }) => status)).eql([201, 201, 201, 201]);
    new Set(answers.map(({ body }) => body.id as number)).size.should.equal(4);
  });

  it('counts trailing blanks, case and accents, in whatever order they come', async () => {
    const ids = [
      'key',
      'KEY',
      'key ',
      ' key',
      'kéy',
      'ke\u0301y',
      'ｋey',
      'key\t',
      'key\u00a0',
      '0',
      '00',
      '😀',
      '😁',
    ];
    const answers = await Promise.all(
      ids.map((id) => rest.send('s5', 'D1', { type: 1, content: id, client_msg_id: id })),
    );
    should(answers.map(({ status, body }) => [status, body.client_msg_id as string])).eql(
      ids.map((id) => [201, id]),
    );
    const again = await Promise.all(
      ids.map((id) => rest.send('s5', 'D1', { type: 1, content: 'again', client_msg_id: id })),
    );
    should(again).eql(answers.map(({ body }) => ({ status: 200, body: body as unknown })));
    (await stored('s5')).body.items.length.should.equal(ids.length);
  });

  it("keeps the platform's own messages apart from users'", async () => {
    const message = { type: 0, content: 'system', client_msg_id: 'k' };
    const platform = await Promise.all(
      times(3, () => rest.request('POST', '/sessions/system/messages', message)),
    );
    const system = shouldBeOneMessage(platform);
    const other = await rest.send('system', 'D1', message);
    other.status.should.equal(201);
    other.body.id.should.not.equal(system.id);
  });

  it('stores nothing when the first try was refused', async () => {
    const refused = await rest.send('s6', 'D1', { type: 6, content: 'no', client_msg_id: 'r' });
    refused.status.should.equal(400);
    const stranger = await rest.send('s6', 'nobody', { type: 1, content: 'no', client_msg_id: 'r' });
    stranger.status.should.equal(400);
    (await rest.send('s6', 'D1', { type: 1, content: 'yes', client_msg_id: 'r' })).status.should.equal(201);
  });
});

eachSqlServer('A repeated client_msg_id in two processes', (database) => {
  const stops: (() => Promise<unknown>)[] = [];
  const clients: HttpClient[] = [];

  after(async () => {
    for (const client of clients) client.close();
    for (const stop of stops) await stop();
  });

  it('is stored once', async function () {
    this.timeout(60_000);
    const environment = { IM_DATABASE_URL: await database.freshUrl(), IM_LOG_LEVEL: 'error' };
    // Two at once on an empty database: both bring its schema up to date.
    const servers = await Promise.all([ChildServer.start(environment), ChildServer.start(environment)]);
    for (const server of servers) stops.push(() => server.end());
    clients.push(...servers.map((server) => new HttpClient(server.url)));
    const [first] = clients;
    for (const id of ['D1', 'D2']) {
      const made = await first!.request('PUT', `/users/${id}`, { type: 'doctor', name: id });
      should(made).have.property('status', 201);
    }
    const participants = [{ id: 'D1' }, { id: 'D2' }];
    const session = await first!.request('POST', '/sessions', {
      id: 's',
      type: 3,
      name: 's',
      participants,
    });
    should(session).have.property('status', 201);
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(
        times(REPEATS, (index) =>
          clients[index % 2]!.send('s', 'D1', { type: 1, content: 'x', client_msg_id: `k${round}` }),
        ),
      );
      shouldBeOneMessage(answers);
    }
    const { body } = await first!.get('/sessions/s/messages?peek=1');
    body.items.length.should.equal(5);
    for (const server of servers) server.lines.filter((line) => line.startsWith('[ERROR]')).should.eql([]);
  });
});
