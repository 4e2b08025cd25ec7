import should from 'should';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { ChildServer } from '../support/child-server';
import { APP_KEY } from '../support/keys';
import { eachOwnSqlServer } from '../support/databases';
import { type Answer, HttpClient } from '../support/http-client';
import { type PrivateSqlServer } from '../support/private-sql-server';
import { waitUntil } from '../support/wait-until';

const SENDS = 800;
const AT_ONCE = 200;
const LENGTH = 200_000;
/**
 * Kept until their time is over, 800 sends would take 160 MB for each copy of their contents, of which there are several. Garbage
 * that waits to be collected was seen to make 162.
 */
const MAX_GROWTH_MB = 250;

eachOwnSqlServer('A server whose database stands still', function (start) {
  this.timeout(60_000);
  let sqlServer: PrivateSqlServer;
  let server: ChildServer;
  let rest: HttpClient;

  before(async () => {
    sqlServer = await start();
    server = await ChildServer.start({ IM_DATABASE_URL: await sqlServer.createDatabase() });
    rest = new HttpClient(server.url);
    (await rest.request('PUT', '/users/D', { type: 'doctor', name: 'D' })).status.should.equal(201);
    const session = { id: 's', type: 3, name: 's', participants: [{ id: 'D' }] };
    (await rest.request('POST', '/sessions', session)).status.should.equal(201);
  });

  after(async () => {
    rest.close();
    await server.end('SIGKILL');
    sqlServer.resume();
    await sqlServer.remove();
  });

  const residentMegabytes = () =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.pid)], { encoding: 'utf8' })) / 1024;

  /** What a send is answered of which only the head has come. */
  const statusBeforeBody = () =>
    new Promise<number>((resolve, reject) => {
      const headers = {
        'X-IM-App-Key': APP_KEY,
        'Content-Type': 'application/json',
        'Content-Length': LENGTH,
      };
      const url = `${server.url}/api/v2/sessions/s/messages`;
      const request = http.request(url, { method: 'POST', headers }, ({ statusCode = 0 }) => {
        resolve(statusCode);
        request.destroy();
      });
      request.on('error', reject);
      request.flushHeaders();
    });

  it('keeps so many sends, refuses the others at once, and does not grow', async () => {
    const content = 'x'.repeat(LENGTH);
    const send = (): Promise<Answer> => rest.send('s', 'D', { type: 0, content });
    for (let count = 0; count < 20; count += 1) (await send()).status.should.equal(201);
    const before = residentMegabytes();
    let most = before;
    sqlServer.pause();
    const answers: { status: number; ms: number }[] = [];
    let left = SENDS;
    let unread: Promise<number> | undefined;
    const sender = async () => {
      for (; left > 0;) {
        left -= 1;
        const since = performance.now();
        const { body, status } = await send();
        if (status === 503) should(body.code).equal('unavailable');
        answers.push({ status, ms: performance.now() - since });
        if (answers.length === SENDS / 4) unread = statusBeforeBody();
        if (answers.length % 100 === 0) most = Math.max(most, residentMegabytes());
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sender));
    most = Math.max(most, residentMegabytes());
    should(await unread).equal(503);
    should(answers.every(({ status }) => status === 503)).be.true();
    // 16 MiB of them wait for their time; all others are told long before.
    answers.filter(({ ms }) => ms < 7_000).length.should.be.above(0.7 * SENDS);
    answers.filter(({ ms }) => ms >= 7_000).length.should.be.above(0);
    // 9.5 s, and what a busy machine adds with 200 at once; `model/lock-wait` holds it to the second.
    Math.max(...answers.map(({ ms }) => ms)).should.be.below(15_000);
    should(most - before).be.below(MAX_GROWTH_MB, `${before} → ${most} MB`);

    sqlServer.resume();
    await waitUntil(
      async () => (await rest.send('s', 'D', { type: 1, content: 'after' })).status === 201,
      20_000,
      () => `it does not come back: ${server.stdout}`,
    );
    const { body } = await rest.get('/sessions/s/messages?limit=200');
    // What had begun when it stood still may be stored; what waited and was refused is not.
    (body.items as unknown[]).length.should.be.below(60);
    server.lines.filter((line) => line.startsWith('[ERROR]')).should.eql([]);
  });
});
