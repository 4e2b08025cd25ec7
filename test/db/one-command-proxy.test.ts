import should from 'should';
import net from 'node:net';
import mysql from 'mysql2';
import { Retention } from '../../src/commands/maintenance/retention';
import { eachSqlServer } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { OneCommandProxy } from '../support/one-command-proxy';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';

eachSqlServer('A server behind a proxy that takes one command at a time', function (database) {
  this.timeout(60_000);
  let proxy: OneCommandProxy;
  let url: URL;

  before(async () => {
    url = new URL(await database.freshUrl());
    proxy = await OneCommandProxy.before(Number(url.port));
    url.port = String(proxy.port);
  });
  after(() => proxy.close());

  it('works as without it: the schema, sends at once, topics, sockets, reads, retention', async () => {
    const server = await TestServer.start({ IM_DATABASE_URL: url.href, IM_RETENTION_DAYS: '30' });
    const rest = new HttpClient(server.url);
    try {
      await server.users('D', 'D2', 'P', 'P2');
      for (const [id, type] of [
        ['a', 3],
        ['b', 1],
        ['c', 0],
      ] as const)
        await server.session(id, type, 'D', 'D2', 'P');
      await server.session('d', 2, 'D', 'P2');
      const socket = await server.socket('P', 'a');
      const sessions = ['a', 'b', 'c', 'd'];
      const sends = await Promise.all(
        Array.from({ length: 80 }, (_, n) =>
          rest.send(sessions[n % 4]!, 'D', { type: 1, content: `第${n}条`, client_msg_id: `m${n % 60}` }),
        ),
      );
      for (const { status } of sends) should(status).be.oneOf(200, 201);
      should(sends.filter(({ status }) => status === 201).length).equal(60);
      await socket.next('message');
      should((await socket.request('message', { type: 1, content: 'x' })).type).equal('message_ok');
      should((await socket.request('sync', { after: 0 })).type).equal('sync_ok');
      const steps: [string, string, unknown?][] = [
        ['POST', '/sessions/t/topics', { session_id: 'a', user_id: 'P', name: 't' }],
        ['POST', '/sessions/a/messages', { sender_id: 'D', type: 1, content: '回复' }],
        ['PUT', '/sessions/a/topics/t/ended', { user_id: 'P', message: '谢谢' }],
        ['GET', '/sessions/topics?user_id=D'],
        ['GET', '/sessions/topics/count/reply?user_id=D'],
        ['GET', '/sessions?user_id=D'],
        ['GET', '/sessions/a/messages?user_id=P'],
        ['GET', '/sessions/unread_message_count?user_id=P'],
        ['GET', '/application/badge_no?user_id=P'],
        ['PUT', '/sessions/a/participant/update', { add: [{ id: 'P2' }] }],
        ['GET', '/users/D/consult/time'],
      ];
      for (const [method, path, body] of steps) {
        const answer = await rest.request(method, path, body);
        should(answer.status).be.within(200, 201, `${method} ${path}`);
      }
      should((await fetch(`${server.url}/health/ready`)).status).equal(200);
      await new Retention({ database: server.context.database, retentionDays: 30 }).runOnce();
    } finally {
      await terminateAll();
      rest.close();
      await server.stop();
    }
    proxy.commands.should.be.above(100);
    should(proxy.violations).equal(0);
  });

  it('would be cut off if it sent two', async () => {
    const { hostname, password, port, username } = url;
    const stream = net.connect(Number(port), hostname);
    const raw = mysql.createConnection({ stream, user: username, password });
    raw.on('error', () => undefined);
    await new Promise((resolve) => raw.query('select 1', resolve));
    const before = proxy.violations;
    // Two packets of COM_PING in one go, past the driver's queue.
    const ping = Buffer.from([1, 0, 0, 0, 0x0e]);
    const ended = new Promise((resolve) => raw.once('end', resolve));
    stream.write(Buffer.concat([ping, ping]));
    await ended;
    should(proxy.violations).equal(before + 1);
  });
});
