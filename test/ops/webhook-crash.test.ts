import should from 'should';
import mysql from 'mysql2/promise';
import { eachSqlServer } from '../support/databases';
import { ChildServer } from '../support/child-server';
import { APP_KEY } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { WebhookReceiver } from '../support/webhook-receiver';

eachSqlServer('A process that is killed between the commit and the webhook', (database) => {
  let receiver: WebhookReceiver;
  let connection: mysql.Connection | undefined;
  const servers: ChildServer[] = [];
  before(async () => {
    receiver = await WebhookReceiver.start();
  });
  after(async () => {
    for (const server of servers) await server.end();
    await connection?.end();
    await receiver.stop();
  });

  it('loses no event: another process takes them up, and each comes in its order', async () => {
    const url = await database.freshUrl();
    const settings = { IM_DATABASE_URL: url, ...receiver.settings };
    const ask = async (server: ChildServer, method: string, path: string, body: unknown) => {
      const response = await fetch(`${server.url}/api/v2${path}`, {
        method,
        headers: { 'X-IM-App-Key': APP_KEY, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      should(response.status).equal(201);
    };
    const first = await ChildServer.start(settings);
    receiver.answer = () => 'hang';
    await ask(first, 'PUT', '/users/D', { type: 'doctor', name: 'D' });
    await ask(first, 'POST', '/sessions', { id: 's', type: 3, name: 's', participants: [{ id: 'D' }] });
    for (let index = 0; index < 3; index += 1)
      await ask(first, 'POST', '/sessions/s/messages', { sender_id: 'D', type: 1, content: String(index) });
    await waitUntil(
      () => receiver.requests.length > 0,
      20_000,
      () => 'no event came',
    );
    connection = await mysql.createConnection(url);
    await first.end('SIGKILL');

    receiver.answer = () => ({});
    // The dead process's claim holds, for less than 30 s; it need not be waited for here.
    const [claims] = await connection.query<mysql.RowDataPacket[]>(
      `select timestampdiff(second, utc_timestamp(3), due_time) as seconds from webhook_events
       where claimed_by is not null`,
    );
    claims.length.should.equal(1);
    should(Number(claims[0]!.seconds)).be.within(1, 28);
    // The start of two processes may take longer.
    await connection.query(
      'update webhook_events set due_time = date_add(due_time, interval 1 minute) where claimed_by is not null',
    );
    servers.push(...(await Promise.all([ChildServer.start(settings), ChildServer.start(settings)])));
    receiver.accepted.length.should.equal(0);
    await connection.query(
      'update webhook_events set due_time = utc_timestamp(3) where claimed_by is not null',
    );
    const events = await receiver.waitFor(3);
    should(events.map(({ data }) => data.sequence)).eql([1, 2, 3]);
    receiver.accepted.length.should.equal(3);
  });
});
