import should from 'should';
import { ChildServer } from '../support/child-server';
import { eachOwnSqlServer } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { waitUntil } from '../support/wait-until';
import { Way } from '../support/way';

const LIMIT_MS = 10_000;

eachOwnSqlServer('A server whose database falls silent', function (start) {
  this.timeout(60_000);
  let sqlServer: PrivateSqlServer;
  let way: Way;
  let server: ChildServer;
  let rest: HttpClient;

  before(async () => {
    sqlServer = await start();
  });

  after(() => sqlServer.remove());

  beforeEach(async () => {
    sqlServer.resume();
    way = await Way.to(sqlServer.port);
    const url = new URL(await sqlServer.createDatabase());
    url.port = String(way.port);
    server = await ChildServer.start({ IM_DATABASE_URL: url.href });
    rest = new HttpClient(server.url);
    for (const id of ['D', 'P']) {
      const type = id === 'D' ? 'doctor' : 'patient';
      (await rest.request('PUT', `/users/${id}`, { type, name: id })).status.should.equal(201);
    }
    const participants = [{ id: 'D' }, { id: 'P' }];
    const made = await rest.request('POST', '/sessions', { id: 's', type: 3, name: 's', participants });
    made.status.should.equal(201);
    await sendAll('before', [201]);
  });

  afterEach(async () => {
    rest.close();
    await server.end('SIGKILL');
    way.close();
  });

  /** Through the writer, through a transaction of the other pool, and through a plain query, all at once. */
  async function sendAll(key: string, statuses: readonly number[]): Promise<void> {
    const since = Date.now();
    const participants = [{ id: 'D' }, { id: 'P' }];
    const answers = await Promise.all([
      rest.send('s', 'D', { type: 1, content: 'x', client_msg_id: key }),
      rest.request('POST', '/sessions', {
        id: `s ${key}`.replace(' ', '-'),
        type: 3,
        name: 's',
        participants,
      }),
      rest.get('/sessions/s/messages?peek=1'),
    ]);
    for (const { body, status } of answers) {
      if (statuses.includes(503) || status !== 200) statuses.should.containEql(status);
      if (status === 503) should(body.code).equal('unavailable');
    }
    (Date.now() - since).should.be.below(LIMIT_MS);
  }

  it('refuses within 10 s what waits for it, and then works on with new connections', async () => {
    way.cut();
    await sendAll('cut', [503]);
    // Connections that nobody used when it fell silent are found out one by one.
    await waitUntil(
      async () => (await rest.send('s', 'D', { type: 1, content: 'x', client_msg_id: 'cut' })).status < 300,
      15_000,
      () => `it does not come back: ${server.stdout}`,
    );
    await sendAll('after', [200, 201]);
    server.lines.filter((line) => line.startsWith('[ERROR]')).should.eql([]);
  });

  it('stops within 10 s, with status 0', async () => {
    sqlServer.pause();
    const waiting = rest.send('s', 'D', { type: 1, content: 'x' }).catch(() => undefined);
    const since = Date.now();
    should(await server.end()).eql({ code: 0, signal: null });
    (Date.now() - since).should.be.below(LIMIT_MS);
    await waiting;
  });
});
