import should from 'should';
import { once } from 'node:events';
import net from 'node:net';
import { TestServer } from '../support/server';
import { connect, type SocketClient, terminateAll } from '../support/socket-client';

const MAX_FRAME_BYTES = 64 * 1024;

/** Not a request at all: 20 in a row end the connection. */
const BAD_FRAMES: { title: string; raw: string | Buffer; code: string; path?: string; ref?: string }[] = [
  { title: 'no JSON', raw: '{"type":', code: 'malformed_json' },
  { title: 'nothing', raw: '', code: 'malformed_json' },
  { title: 'a NUL in the JSON', raw: '{"type":"ping","data":{"a":"\0"}}', code: 'malformed_json' },
  { title: 'binary', raw: Buffer.from('{"type":"ping"}'), code: 'validation_failed' },
  { title: 'an array', raw: '[]', code: 'validation_failed' },
  { title: 'null', raw: 'null', code: 'validation_failed' },
  { title: 'a string', raw: '"ping"', code: 'validation_failed' },
  { title: 'no type', raw: '{}', code: 'validation_failed', path: 'type' },
  {
    title: 'a type that is no string',
    raw: '{"type":5,"ref":"a"}',
    code: 'validation_failed',
    path: 'type',
    ref: 'a',
  },
  {
    title: 'an unknown type',
    raw: '{"type":"nope","ref":"a"}',
    code: 'validation_failed',
    path: 'type',
    ref: 'a',
  },
  { title: "a server's type", raw: '{"type":"message_ok"}', code: 'validation_failed', path: 'type' },
  { title: "an object's own type", raw: '{"type":"constructor"}', code: 'validation_failed', path: 'type' },
  {
    title: 'data that is a string',
    raw: '{"type":"ping","data":"x","ref":"a"}',
    code: 'validation_failed',
    path: 'data',
    ref: 'a',
  },
  {
    title: 'data that is an array',
    raw: '{"type":"ping","data":[]}',
    code: 'validation_failed',
    path: 'data',
  },
  { title: 'data that is null', raw: '{"type":"ping","data":null}', code: 'validation_failed', path: 'data' },
  { title: 'a ref that is a number', raw: '{"type":"ping","ref":5}', code: 'validation_failed', path: 'ref' },
  { title: 'a ref that is null', raw: '{"type":"ping","ref":null}', code: 'validation_failed', path: 'ref' },
  { title: 'an empty ref', raw: '{"type":"ping","ref":""}', code: 'validation_failed', path: 'ref' },
  {
    title: 'a ref of 65 characters',
    raw: JSON.stringify({ type: 'ping', ref: '😀'.repeat(65) }),
    code: 'validation_failed',
    path: 'ref',
  },
];

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

/** Requests that are refused: the socket stays, and a row of bad frames ends. */
const REFUSALS: { title: string; raw: string; code: string; path?: string }[] = [
  {
    title: 'a field that is missing',
    raw: '{"type":"message","data":{"type":1},"ref":"x"}',
    code: 'validation_failed',
    path: 'content',
  },
  {
    title: 'a reserved type',
    raw: '{"type":"message","data":{"type":11,"content":"x"},"ref":"x"}',
    code: 'validation_failed',
    path: 'type',
  },
  {
    title: 'an empty text',
    raw: '{"type":"message","data":{"type":1,"content":""},"ref":"x"}',
    code: 'validation_failed',
    path: 'content',
  },
  {
    title: 'a NUL',
    raw: '{"type":"message","data":{"type":1,"content":"a\\u0000b"},"ref":"x"}',
    code: 'validation_failed',
    path: 'content',
  },
  {
    title: 'half a character',
    raw: '{"type":"message","data":{"type":1,"content":"\\ud83d"},"ref":"x"}',
    code: 'validation_failed',
    path: 'content',
  },
  {
    title: 'a client_msg_id that is too long',
    raw: JSON.stringify({
      type: 'message',
      data: { type: 1, content: 'x', client_msg_id: 'x'.repeat(129) },
      ref: 'x',
    }),
    code: 'validation_failed',
    path: 'client_msg_id',
  },
  {
    title: 'nesting deeper than 32',
    raw: `{"type":"message","data":${deep(32)},"ref":"x"}`,
    code: 'validation_failed',
    path: '',
  },
  {
    title: 'a system message',
    raw: '{"type":"message","data":{"type":0,"content":"x"},"ref":"x"}',
    code: 'forbidden',
  },
  {
    title: 'an unknown session',
    raw: '{"type":"message","data":{"session_id":"no","type":1,"content":"x"},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: "others' session",
    raw: '{"type":"sync","data":{"session_id":"t","after":0},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: 'typing elsewhere',
    raw: '{"type":"typing","data":{"session_id":"t","typing":true},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: 'typing that is no boolean',
    raw: '{"type":"typing","data":{"typing":1},"ref":"x"}',
    code: 'validation_failed',
    path: 'typing',
  },
  {
    title: 'an ack of what is not there',
    raw: '{"type":"ack","data":{"message_id":999},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: 'an ack elsewhere',
    raw: '{"type":"ack","data":{"session_id":"t","message_id":1},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: 'a read of what is not there',
    raw: '{"type":"read","data":{"message_id":999},"ref":"x"}',
    code: 'not_found',
  },
  {
    title: 'an id that is a string',
    raw: '{"type":"read","data":{"message_id":"1"},"ref":"x"}',
    code: 'validation_failed',
    path: 'message_id',
  },
  {
    title: 'an id above 2^53',
    raw: '{"type":"read","data":{"message_id":9007199254740993},"ref":"x"}',
    code: 'validation_failed',
    path: 'message_id',
  },
  {
    title: 'a sync from nowhere',
    raw: '{"type":"sync","data":{},"ref":"x"}',
    code: 'validation_failed',
    path: 'after',
  },
  {
    title: 'a sync from below 0',
    raw: '{"type":"sync","data":{"after":-1},"ref":"x"}',
    code: 'validation_failed',
    path: 'after',
  },
  {
    title: 'a sync of 201',
    raw: '{"type":"sync","data":{"after":0,"limit":201},"ref":"x"}',
    code: 'validation_failed',
    path: 'limit',
  },
  {
    title: 'a sync of none',
    raw: '{"type":"sync","data":{"after":0,"limit":0},"ref":"x"}',
    code: 'validation_failed',
    path: 'limit',
  },
];

describe("A socket's frame", () => {
  let server: TestServer;
  let patient: string;

  before(async () => {
    server = await TestServer.start();
    await server.users('D', 'P', 'P2');
    await server.session('s', 3, 'D', 'P');
    await server.session('t', 3, 'D', 'P2');
    patient = await server.token('P');
  });

  afterEach(terminateAll);

  after(async () => {
    await server.stop();
  });

  async function loggedIn(): Promise<SocketClient> {
    const socket = await connect(server.url);
    await socket.login(patient, 's');
    return socket;
  }

  for (const { title, raw, code, path, ref } of BAD_FRAMES) {
    it(`is answered by an error when it is ${title}, and the socket stays`, async () => {
      for (const socket of [await loggedIn(), await connect(server.url)]) {
        socket.sendRaw(raw);
        const error = await socket.next('error');
        should(error.data.code).equal(code);
        should(error.ref).equal(ref);
        if (path !== undefined) should((error.data.errors as { path: string }[])[0]!.path).equal(path);
        should((await socket.request('ping')).type).equal(
          socket.frames[0]!.type === 'error' ? 'error' : 'pong',
        );
      }
    });
  }

  for (const { title, raw, code, path } of REFUSALS) {
    it(`is refused with its ref for ${title}`, async () => {
      const socket = await loggedIn();
      socket.sendRaw(raw);
      const error = await socket.next('error');
      should(error.ref).equal('x');
      should(error.data.code).equal(code);
      if (path !== undefined) should((error.data.errors as { path: string }[])[0]!.path).equal(path);
      should((await socket.request('ping')).type).equal('pong');
    });
  }

  it('ends the connection with 1008 when it is the 20th bad one in a row', async () => {
    const socket = await loggedIn();
    for (let count = 0; count < 19; count += 1) socket.sendRaw(BAD_FRAMES[count]!.raw);
    should((await socket.request('ping')).type).equal('pong');
    for (let count = 0; count < 19; count += 1) socket.sendRaw('nonsense');
    // A refusal is no bad frame: the row begins anew.
    socket.sendRaw(REFUSALS[0]!.raw);
    for (let count = 0; count < 19; count += 1) socket.sendRaw('nonsense');
    should((await socket.request('sync', { after: -1 })).type).equal('error');
    for (let count = 0; count < 20; count += 1) socket.sendRaw('nonsense');
    should((await socket.closed).code).equal(1008);
    socket.frames.filter(({ type }) => type === 'error').length.should.equal(19 + 19 + 1 + 19 + 1 + 20);
  });

  it('ends the connection with 1008 before the login, too', async () => {
    const socket = await connect(server.url);
    for (let count = 0; count < 20; count += 1) socket.sendRaw('nonsense');
    should((await socket.closed).code).equal(1008);
  });

  it('may have 64 KiB, and ends the connection with 1009 above that', async () => {
    const socket = await loggedIn();
    const padded = (bytes: number) => {
      const frame = JSON.stringify({ type: 'ping', data: { pad: '' }, ref: 'big' });
      return frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
    };
    socket.sendRaw(padded(MAX_FRAME_BYTES));
    should((await socket.next('pong')).ref).equal('big');
    socket.sendRaw(padded(MAX_FRAME_BYTES + 1));
    should((await socket.closed).code).equal(1009);
    const early = await connect(server.url);
    early.sendRaw(padded(MAX_FRAME_BYTES + 1));
    should((await early.closed).code).equal(1009);
  });

  it('ends the connection with 1007 when it is no UTF-8 (RFC 6455, section 8.1)', async () => {
    const { port } = server;
    const socket = net.connect(port, '127.0.0.1');
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    await once(socket, 'data');
    // A masked text frame, its mask all zero.
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    answer[0]!.should.equal(0x88);
    answer.readUInt16BE(2).should.equal(1007);
    socket.destroy();
  });

  it('carries its ref of up to 64 characters back, and none where none was given', async () => {
    const socket = await loggedIn();
    const ref = '😀'.repeat(64);
    socket.send('ping', {}, ref);
    should(await socket.next('pong')).eql({ type: 'pong', data: {}, ref });
    socket.sendRaw('{"type":"ping"}');
    should(await socket.next('pong')).eql({ type: 'pong', data: {} });
  });
});
