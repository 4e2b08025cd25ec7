import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import should from 'should';
import { WebSocket, WebSocketServer } from 'ws';
import { carriedBy, sendFrame } from '../../src/push/sockets';
import { TextFrame } from '../../src/push/text-frame';

describe('A text that was framed once', () => {
  const http = createServer();
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  let client: WebSocket;
  let socket: WebSocket;

  before(async () => {
    http.on('upgrade', (request, transport, head) => {
      server.handleUpgrade(request, transport, head, (ws) => {
        carriedBy(ws, transport);
        socket = ws;
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
});
