import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import should from 'should';
import { WebSocket, WebSocketServer } from 'ws';
import { carriedBy, sendFrame, together } from '../../src/push/sockets/send-frame';
import { TextFrame } from '../../src/push/sockets/text-frame';

describe('A text that was framed once', () => {
  const http = createServer();
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  let client: WebSocket;
  let socket: WebSocket;
  let transportOf: () => Socket;

  before(async () => {
    http.on('upgrade', (request, transport, head) => {
      server.handleUpgrade(request, transport, head, (ws) => {
        carriedBy(ws, transport);
        socket = ws;
        transportOf = () => transport as Socket;
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
    await once(client, 'open');
  });
  after(() => {
    client.terminate();
    http.closeAllConnections();
    http.close();
  });

  /** At the limits of the three forms of a frame's length, in bytes. */
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]) {
    it(`arrives whole with ${length} bytes, in its order with what ws frames itself`, async () => {
      const text = '您'.repeat(Math.floor(length / 3)) + '.'.repeat(length % 3);
      const received: string[] = [];
      const done = new Promise<void>((resolve) => {
        client.on('message', (bytes: Buffer, isBinary) => {
          should(isBinary).be.false();
          if (received.push(bytes.toString('utf8')) === 4) resolve();
        });
      });
      const frame = new TextFrame(text);
      for (const each of ['before', frame, 'between', frame]) sendFrame(socket, each).should.be.true();
      await done;
      client.removeAllListeners('message');
      should(received).eql(['before', text, 'between', text]);
    });
  }

  /** Everything that the client receives until there are `count` of it. */
  function receive(count: number): Promise<string[]> {
    return new Promise((resolve) => {
      const received: string[] = [];
      client.on('message', (bytes: Buffer) => {
        if (received.push(bytes.toString('utf8')) < count) return;
        client.removeAllListeners('message');
        resolve(received);
      });
    });
  }

  it('goes together with others in one write, in order with what ws frames itself', async () => {
    let writes = 0;
    const transport = transportOf();
    const [one, many] = [transport._write.bind(transport), transport._writev?.bind(transport)];
    transport._write = (...args) => {
      writes += 1;
      one(...args);
    };
    transport._writev = (...args) => {
      writes += 1;
      many?.(...args);
    };
    const received = receive(31);
    together(() => {
      for (let n = 0; n < 30; n += 1) sendFrame(socket, new TextFrame(`message ${n}`));
    });
    sendFrame(socket, 'after');
    const texts = await received;
    Object.assign(transport, { _write: one, _writev: many });
    should(texts).eql([...Array.from({ length: 30 }, (_none, n) => `message ${n}`), 'after']);
    writes.should.be.belowOrEqual(2);
  });

  it('is not taken for unread by what goes together with it', async () => {
    // A little more than may wait for a peer, of which the kernel takes the most.
    const texts = Array.from({ length: 37 }, (_none, n) => `${n} ${'.'.repeat(30_000)}`);
    const received = receive(texts.length);
    together(() => {
      for (const text of texts) sendFrame(socket, new TextFrame(text)).should.be.true();
    });
    should(await received).eql(texts);
  });

  it('is written, too, when what goes together with it fails', async () => {
    const received = receive(1);
    should(() =>
      together(() => {
        sendFrame(socket, new TextFrame('before the failure'));
        throw new Error('a failure');
      }),
    ).throw('a failure');
    should(await received).eql(['before the failure']);
  });
});
