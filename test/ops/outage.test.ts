import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachOwnSqlServer } from '../support/databases';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { linesPrintedBy } from '../support/log-lines';
import { HttpClient, type Answer } from '../support/http-client';
import { TestServer } from '../support/server';
import { connect, type Frame, type SocketClient, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const LIMIT_MS = 10_000;

eachOwnSqlServer('A server whose database goes away', function (start) {
  this.timeout(60_000);
  let sqlServer: PrivateSqlServer;
  let server: TestServer;
  let rest: HttpClient;
  let token: string;
  let socket: SocketClient;

  before(async () => {
    sqlServer = await start();
    server = await TestServer.start({ IM_DATABASE_URL: await sqlServer.createDatabase() });
    rest = new HttpClient(server.url);
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
    token = await server.token('D');
    socket = await connect(server.url);
    await socket.login(token, 's', 'doctor');
  });

  after(async () => {
    await terminateAll();
    rest.close();
    await sqlServer.start();
    sqlServer.resume();
    await server.stop();
    await sqlServer.remove();
  });

  async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
    const since = Date.now();
    const result = await work;
    return { result, ms: Date.now() - since };
  }

  /** Everything that needs the database is refused within the limit, through both doors. */
  async function shouldBeUnavailable(key: string): Promise<void> {
    const late = await connect(server.url);
    const message = { type: 1, content: 'x', client_msg_id: key };
    const user = new HttpClient(server.url, token);
    const limit = LIMIT_MS + 2_000;
    const [answers, frames] = await Promise.all([
      Promise.all<{ result: Answer; ms: number }>([
        timed(rest.get('/sessions/s/messages?peek=1')),
        timed(rest.send('s', 'D', message)),
        timed(user.request('POST', '/sessions/s/messages', { type: 1, content: 'x' })),
        timed(rest.request('POST', '/sessions', { type: 1, name: 'x', participants: [{ id: 'D' }] })),
        timed(rest.request('POST', '/users/login', { user_id: 'D', user_type: 'doctor' })),
      ]),
      Promise.all<{ result: Frame; ms: number }>([
        timed(socket.request('message', { type: 1, content: 'x', client_msg_id: `${key} socket` }, limit)),
        timed(socket.request('sync', { after: 0 }, limit)),
        timed(socket.request('read', { message_id: 1 }, limit)),
        timed(
          late.request('login', { token: await freshToken(), session_id: 's', user_type: 'doctor' }, limit),
        ),
      ]),
    ]);
    user.close();
    for (const { result, ms } of answers) {
      should(result.status).equal(503);
      should(result.body.code).equal('unavailable');
      should(JSON.stringify(result.body)).not.match(/mysql|select|ECONN|at \//i);
      ms.should.be.below(LIMIT_MS);
    }
    for (const { result, ms } of frames) {
      should(result.type).equal('error');
      should(result.data.code).equal('unavailable');
      ms.should.be.below(LIMIT_MS);
    }
    should((await late.closed).code).equal(1013);
    // What needs no database goes on.
    should((await socket.request('ping')).type).equal('pong');
  }

  /** A token that the server has not seen: whether it holds is for the database to say. */
  let tokens: string[] = [];
  const freshToken = () => Promise.resolve(tokens.pop()!);

  async function recovered(key: string): Promise<void> {
    await waitUntil(
      async () => (await rest.get('/sessions/s/messages?peek=1')).status === 200,
      15_000,
      () => 'it has not recovered',
    );
    for (const id of [key, `${key} socket`]) {
      const message = { type: 1, content: 'x', client_msg_id: id };
      const [first, second] = [await rest.send('s', 'D', message), await rest.send('s', 'D', message)];
      first.status.should.be.oneOf(200, 201);
      should(second).eql({ status: 200, body: first.body as unknown });
    }
    const answer = await socket.request('message', { type: 1, content: 'after' }, LIMIT_MS);
    should(answer.type).equal('message_ok');
    const again = await connect(server.url);
    should((await again.login(token, 's', 'doctor')).type).equal('login_ok');
    await again.close();
    const { body } = await rest.get('/sessions/s/messages?peek=1&limit=200');
    const ids = (body.items as { client_msg_id: string | null }[]).map(({ client_msg_id: id }) => id);
    ids.filter((id) => id === key).length.should.equal(1);
    ids.filter((id) => id === `${key} socket`).length.should.equal(1);
  }

  beforeEach(async () => {
    tokens = [await server.token('D')];
    (await rest.send('s', 'D', { type: 1, content: 'before' })).status.should.equal(201);
  });

  /** What the server logs meanwhile is kept off the report; that the database is away is no fault of the server's. */
  async function quietly(work: () => Promise<void>): Promise<void> {
    const said = (lines: string[]) => lines.map((line) => /is (away|back)/.exec(line)?.[1]);
    const lines = await linesPrintedBy(async (printed) => {
      await work();
      // Whether it is back is looked at every second.
      await sleep(2_500);
      await waitUntil(
        () => said(printed()).at(-1) !== 'away',
        20_000,
        () => printed().join('\n'),
      );
    });
    lines.filter((line) => line.startsWith('[ERROR]')).should.eql([]);
    // An outage that is over before it is sure that it is no remainder of the one before goes without a word.
    should([[], ['away', 'back']]).containEql(said(lines));
    lines.join('\n').should.not.containEql(sqlServer.password);
  }

  it('says so at once when the database is stopped, and works again when it is back', async () => {
    await quietly(async () => {
      await sqlServer.stop();
      await shouldBeUnavailable('stopped');
      await sqlServer.start();
      await recovered('stopped');
    });
  });

  it('says so within 10 s when the database is frozen, and works again when it thaws', async () => {
    await quietly(async () => {
      sqlServer.pause();
      try {
        await shouldBeUnavailable('frozen');
      } finally {
        sqlServer.resume();
      }
      await recovered('frozen');
    });
  });

  it('says so when the database is killed under its hands', async () => {
    await quietly(async () => {
      const sends = Array.from({ length: 20 }, (_, index) =>
        rest.send('s', 'D', { type: 1, content: 'x', client_msg_id: `killed ${index}` }),
      );
      await sqlServer.stop('SIGKILL');
      for (const { status } of await Promise.all(sends)) status.should.be.oneOf(201, 503);
      await sqlServer.start();
      await recovered('killed 0');
    });
  });
});
