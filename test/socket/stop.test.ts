import should from 'should';
import { once } from 'node:events';
import net from 'node:net';
import { openDatabase } from '../../src/db/database';
import { eachDatabase } from '../support/databases';
import { HttpClient } from '../support/http-client';
import { APP_KEY, TestServer } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

const SOCKETS = 10;

eachDatabase(
  'A server that stops',
  (database) => {
    afterEach(terminateAll);

    it('closes all sockets with 1012, and has answered exactly what it stored', async function () {
      this.timeout(30_000);
      const url = await database.freshUrl();
      const server = await TestServer.start({ IM_DATABASE_URL: url, IM_SEND_RATE: '1000000' });
      await server.users('D', 'P');
      await server.session('s', 3, 'D', 'P');
      const token = await server.token('D');
      const unknown = await connect(server.url);
      const sockets = await Promise.all(
        Array.from({ length: SOCKETS }, async () => {
          const socket = await connect(server.url);
          await socket.login(token, 's', 'doctor');
          return socket;
        }),
      );
      const clients = Array.from({ length: SOCKETS }, () => new HttpClient(server.url));
      const answered: number[] = [];
      let stopped = false;
      const rest = clients.map(async (client) => {
        while (!stopped) {
          const answer = await client.send('s', 'D', { type: 1, content: 'x' }).catch(() => undefined);
          if (answer?.status === 201) answered.push(answer.body.id as number);
          if (answer === undefined) return;
        }
      });
      for (const socket of sockets) {
        for (let turn = 0; turn < 40; turn += 1)
          socket.send('message', { type: 1, content: 'x' }, String(turn));
      }
      await waitUntil(
        () => answered.length > 0,
        20_000,
        () => 'nothing is answered',
      );
      const since = Date.now();
      const stop = server.stop();
      should(server.stop()).equal(stop);
      await stop;
      stopped = true;
      (Date.now() - since).should.be.below(10_000);
      await Promise.all(rest);
      for (const client of clients) client.close();

      for (const socket of [unknown, ...sockets]) (await socket.closed).code.should.equal(1012);
      for (const socket of sockets) {
        for (const { type, data } of socket.frames) {
          if (type === 'message_ok') answered.push(data.message.id as number);
        }
      }
      const opened = openDatabase(url);
      try {
        const rows = await opened.kysely.selectFrom('group_messages').select('id').orderBy('id').execute();
        const ascending = (a: number, b: number) => a - b;
        should(answered.sort(ascending).join()).equal(rows.map(({ id }) => id).join());
        rows.length.should.be.above(0);
      } finally {
        await opened.close();
      }
      await connect(server.url).should.be.rejected();
    });
  },
  { sqlite: 'file' },
);

describe('The end of a server', () => {
  it('waits for nobody who does not listen', async () => {
    const server = await TestServer.start();
    await server.users('P');
    await server.session('s', 1, 'P');
    const deaf = await server.socket('P', 's');
    deaf.pause();
    const idle = new HttpClient(server.url);
    (await idle.get('/users/P')).status.should.equal(200);
    const since = Date.now();
    await server.stop();
    (Date.now() - since).should.be.below(6_000);
    idle.close();
    deaf.resume();
    await terminateAll();
  });

  it('answers what is under way, and sends the connection elsewhere with what comes after', async () => {
    const server = await TestServer.start();
    await server.users('P');
    const connection = net.connect(server.port, '127.0.0.1');
    let answers = '';
    connection.setEncoding('utf8').on('data', (text: string) => (answers += text));
    const body = JSON.stringify({ in_background: true });
    const request =
      `PUT /api/v2/users/P/status HTTP/1.1\r\nHost: x\r\nX-IM-App-Key: ${APP_KEY}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    await once(connection, 'connect');
    connection.write(request + body.slice(0, 5));
    // What came to another connection later is answered: so this one has been read.
    await server.request('get', '/users/P').expect(200);
    const stop = server.stop();
    connection.write(body.slice(5) + request + body);
    await Promise.all([stop, once(connection, 'close')]);
    const heads = answers.split(/(?=HTTP\/1\.1 )/);
    heads.length.should.equal(2);
    for (const head of heads) head.should.startWith('HTTP/1.1 200');
    heads[1]!.should.match(/^Connection: close\r$/im);
  });
});
