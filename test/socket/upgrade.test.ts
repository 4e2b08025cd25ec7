import should from 'should';
import net from 'node:net';
import supertest from 'supertest';
import { linesPrintedBy } from '../support/log-lines';
import { APP_KEY, TestServer } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

/** Which pages may open a socket: those of `IM_CORS_ORIGINS`, and what is no page. */
const CASES: { origins: string; origin: string; host?: string; taken: boolean }[] = [
  { origins: '*', origin: 'https://anywhere.example', taken: true },
  { origins: '*', origin: 'null', taken: true },
  { origins: 'https://h5.example.com', origin: 'https://h5.example.com', taken: true },
  { origins: 'https://h5.example.com', origin: 'http://h5.example.com', taken: false },
  { origins: 'https://h5.example.com', origin: 'https://h5.example.com.evil.example', taken: false },
  { origins: 'https://h5.example.com', origin: 'https://h5.example.com:8443', taken: false },
  { origins: 'https://h5.example.com', origin: 'null', taken: false },
  {
    origins: 'https://a.example,https://h5.example.com',
    origin: 'https://h5.example.com',
    taken: true,
  },
  { origins: 'https://*.example.com', origin: 'https://h5.example.com', taken: true },
  { origins: 'https://*.example.com', origin: 'https://a.b.example.com', taken: true },
  { origins: 'https://*.example.com', origin: 'https://example.com', taken: false },
  { origins: 'https://*.example.com', origin: 'https://.example.com', taken: false },
  { origins: 'https://*.example.com', origin: 'https://evilexample.com', taken: false },
  { origins: 'https://*.example.com', origin: 'http://h5.example.com', taken: false },
  { origins: 'https://*.example.com', origin: 'https://h5.example.com:8443', taken: false },
  { origins: 'https://*.example.com', origin: 'https://h5.example.com.evil.example', taken: false },
  { origins: 'https://a.example, null', origin: 'null', taken: true },
  { origins: 'capacitor://localhost', origin: 'capacitor://localhost', taken: true },
  { origins: 'capacitor://localhost', origin: 'ionic://localhost', taken: false },
  // Unset: the server's own, also behind a proxy that adds the default port to the host, or takes it off.
  { origins: '', origin: 'https://im.example.com', host: 'im.example.com', taken: true },
  { origins: '', origin: 'https://im.example.com', host: 'im.example.com:443', taken: true },
  { origins: '', origin: 'https://im.example.com', host: 'IM.example.com', taken: true },
  { origins: '', origin: 'http://im.example.com', host: 'im.example.com:80', taken: true },
  { origins: '', origin: 'https://im.example.com:8443', host: 'im.example.com:8443', taken: true },
  {
    origins: 'https://h5.example.com',
    origin: 'https://im.example.com',
    host: 'im.example.com:443',
    taken: true,
  },
  { origins: '', origin: 'https://im.example.com', host: 'im.example.com:80', taken: false },
  { origins: '', origin: 'https://im.example.com', host: 'im.example.com:8443', taken: false },
  { origins: '', origin: 'https://im.example.com:444', host: 'im.example.com:44', taken: false },
  { origins: '', origin: 'own', taken: true },
  { origins: '', origin: 'https://h5.example.com', taken: false },
  { origins: '', origin: 'null', taken: false },
  { origins: '', origin: 'http://127.0.0.1:1', taken: false },
];

describe('The way to a socket', () => {
  afterEach(terminateAll);

  for (const { host, origin, origins, taken } of CASES) {
    const at = host === undefined ? '' : ` at ${host}`;
    it(`is ${taken ? 'open' : 'closed'}${at} for ${origin} where IM_CORS_ORIGINS is "${origins}"`, async () => {
      const server = await TestServer.start({ IM_CORS_ORIGINS: origins });
      const own = origin === 'own' ? server.url : origin;
      const headers = { Origin: own, ...(host === undefined ? {} : { Host: host }) };
      try {
        const lines = await linesPrintedBy(async () => {
          if (taken) await connect(server.url, { headers });
          else await connect(server.url, { headers }).should.be.rejectedWith(/403/);
        });
        const refusals = lines.filter((line) => /^\[WARN\].*IM_CORS_ORIGINS/.test(line));
        should(
          refusals.map((line) => line.includes(own) && line.includes(host ?? `127.0.0.1:${server.port}`)),
        ).eql(taken ? [] : [true]);
        // REST has the same rule.
        const answer = await supertest(server.url).get('/api/v2/users/D').set(headers);
        should(answer.headers['access-control-allow-origin']).equal(
          taken ? (origins === '*' ? '*' : own) : undefined,
        );
        // Apps and servers send no origin.
        await connect(server.url);
        await terminateAll();
      } finally {
        await server.stop();
      }
    });
  }

  it('is refused in one line a minute for an origin, which names both sides', async () => {
    const server = await TestServer.start();
    const forged = `https://x.example\n[ERROR] ${'x'.repeat(500)}`.replace('\n', ' ');
    try {
      const lines = await linesPrintedBy(async () => {
        for (const origin of [
          'https://a.example',
          'https://b.example',
          'https://a.example',
          forged,
          forged,
        ]) {
          await connect(server.url, { headers: { Origin: origin } }).should.be.rejectedWith(/403/);
        }
      });
      lines.should.have.length(3);
      for (const line of lines) {
        line.should.match(/^\[WARN\] origins\.ts\(\d+,\d+\): .*127\.0\.0\.1:\d+/);
        line.length.should.be.below(400);
      }
      lines.map((line) => /https:\/\/(\w)\./.exec(line)?.[1]).should.eql(['a', 'b', 'x']);
    } finally {
      await terminateAll();
      await server.stop();
    }
  });

  it('is /ws alone, with or without a query', async () => {
    const server = await TestServer.start();
    const at = (path: string) => connect(`${server.url.replace('http', 'ws')}${path}`);
    try {
      for (const path of ['/ws', '/ws?v=2']) should((await at(path)).isOpen).be.true();
      for (const path of ['/', '/wss', '/WS', '/ws/', '/ws/x', '/api/v2/ws']) {
        await at(path).should.be.rejectedWith(/404/);
      }
    } finally {
      await terminateAll();
      await server.stop();
    }
  });

  it('is no way to other protocols: who asks for HTTP/2 is served as if it did not', async () => {
    const server = await TestServer.start();
    await server.users('P');
    const connection = net.connect(server.port, '127.0.0.1');
    let answers = '';
    connection.setEncoding('utf8').on('data', (text: string) => (answers += text));
    const body = JSON.stringify({ type: 'patient', name: '名字'.repeat(20) });
    // As Java's client does, with the body in the same packet, after it, and with none.
    const request = (method: string, size: number) =>
      `${method} /api/v2/users/P HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
      `HTTP2-Settings: AAMAAABkAAQAAP__\r\nX-IM-App-Key: ${APP_KEY}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`;
    const size = Buffer.byteLength(body);
    try {
      connection.write(request('PUT', size) + body);
      await waitUntil(
        () => answers.includes('}'),
        20_000,
        () => answers,
      );
      connection.write(request('PUT', size));
      await new Promise((resolve) => setTimeout(resolve, 30));
      connection.write(body);
      await waitUntil(
        () => answers.split('HTTP/1.1 ').length === 3 && answers.endsWith('}'),
        20_000,
        () => answers,
      );
      connection.write(request('GET', 0));
      await waitUntil(
        () => answers.split('HTTP/1.1 ').length === 4 && answers.endsWith('}'),
        20_000,
        () => answers,
      );
      for (const answer of answers.split('HTTP/1.1 ').slice(1)) {
        answer.should.startWith('200 ');
        (JSON.parse(answer.slice(answer.indexOf('{'))) as { name: string }).name.should.equal(
          '名字'.repeat(20),
        );
      }
    } finally {
      connection.destroy();
      await terminateAll();
      await server.stop();
    }
  });
});
