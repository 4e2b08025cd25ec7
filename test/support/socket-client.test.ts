import { type AddressInfo } from 'node:net';
import 'should';
import { type WebSocket, WebSocketServer } from 'ws';
import { connect, terminateAll } from './socket-client';
import { waitUntil } from './wait-until';

/** Answers `ask` with its `ref`, closes on `bye`, and says hello before anything else. */
function serve(socket: WebSocket): void {
  const say = (type: string, data: unknown, ref?: string): void =>
    socket.send(JSON.stringify({ type, data, ref }));
  say('hello', 1);
  socket.on('message', (text: Buffer) => {
    const frame = JSON.parse(text.toString()) as { type: string; data: unknown; ref?: string };
    if (frame.type === 'bye') socket.close(4404, 'gone');
    else if (frame.type === 'push') for (const n of [1, 2, 3]) say('message', n);
    else if (frame.type === 'flood') for (let n = 0; n < 200; n++) say('flood', 'x'.repeat(100_000));
    else say(frame.data === 'bad' ? 'error' : 'answer', frame.data, frame.ref);
  });
}

describe('the socket client', () => {
  let server: WebSocketServer;
  let url: string;

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/ws' });
    server.on('connection', serve);
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    await terminateAll();
    await new Promise((resolve) => server.close(resolve));
  });

  it('takes frames by type in their order, and answers by ref', async () => {
    const client = await connect(url);
    client.send('push');
    const [a, b] = await Promise.all([client.request('ask', 'a'), client.request('ask', 'bad')]);
    [a.type, a.data, b.type].should.eql(['answer', 'a', 'error']);
    for (const n of [1, 2, 3]) (await client.next('message')).data.should.equal(n);
    (await client.next('hello')).data.should.equal(1);
    await client.expectNothing('message', 20);
    client.frames.should.have.length(6);
    await client.next('message', 20).should.be.rejectedWith(/within 20 ms; there were: hello, message/);
  });

  it('tells unexpected frames', async () => {
    const client = await connect(url);
    await client.expectNothing('hello').should.be.rejectedWith(/unexpected frame.*hello/);
    client.send('push');
    await client.expectNothing('message').should.be.rejectedWith(/unexpected frame/);
  });

  it('tells why the socket was closed, and ends who waits', async () => {
    const client = await connect(url);
    const waiting = client.next('message', 3000);
    client.send('bye');
    await waiting.should.be.rejectedWith(/closed.*4404/);
    (await client.closed).should.eql({ code: 4404, reason: 'gone' });
    (await client.next('hello')).data.should.equal(1);
    client.isOpen.should.be.false();
  });

  it('is told when the server refuses the connection', async () => {
    await connect(`${url.replace('http', 'ws')}/elsewhere`).should.be.rejectedWith(/400/);
  });

  it('stops reading while paused', async () => {
    const client = await connect(url);
    await client.next('hello');
    client.pause();
    client.send('flood');
    const [peer] = [...server.clients];
    await waitUntil(
      () => peer!.bufferedAmount > 1024 * 1024,
      8000,
      () => 'nothing piled up',
    );
    client.frames.length.should.be.below(200);
    client.resume();
    for (let n = 0; n < 200; n++) await client.next('flood');
  });
});
