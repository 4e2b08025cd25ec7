import http from 'node:http';
import { type AddressInfo } from 'node:net';
import should from 'should';
import { createOutgoingHttp, type OutgoingHttp } from '../../src/push/outgoing/outgoing-http';
import { ConnectProxy } from '../support/connect-proxy';
import { freePort } from '../support/free-port';

const BODY = '{"a":1}';
/** For a call that is answered, however busy the machine is. */
const LONG_MS = 10_000;

describe('A call to another host', () => {
  let server: http.Server;
  let seen: string[];
  let http_: OutgoingHttp;
  const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

  before(async () => {
    server = http.createServer((request, response) => {
      seen.push(request.url ?? '');
      if (request.url === '/hang') return;
      if (request.url === '/redirect') {
        response.writeHead(307, { location: '/elsewhere' }).end('moved');
        return;
      }
      if (request.url === '/slow-body') {
        response.writeHead(200, { 'retry-after': '7' }).write('a');
        return;
      }
      if (request.url === '/huge') {
        response.end('x'.repeat(2 * 1024 * 1024));
        return;
      }
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => response.end(`${request.method} ${request.headers['content-type']} ${text}`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    seen = [];
    http_ = createOutgoingHttp(undefined);
  });
  afterEach(() => http_.close());
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('brings the whole answer', async () => {
    const answer = await http_.post(url('/x'), { body: BODY, timeoutMs: LONG_MS });
    should(answer).containEql({ ok: true, status: 200, text: `POST application/json ${BODY}` });
  });

  it('follows no redirect', async () => {
    const answer = await http_.post(url('/redirect'), { body: BODY, timeoutMs: LONG_MS });
    should(answer).containEql({ ok: true, status: 307, text: 'moved' });
    seen.should.eql(['/redirect']);
  });

  it('does not wait for a body that nobody reads', async () => {
    const options = { body: BODY, timeoutMs: LONG_MS, readsBody: false };
    const answer = await http_.post(url('/slow-body'), options);
    should(answer).containEql({ ok: true, status: 200, text: '' });
    should(answer.ok && answer.headers.get('retry-after')).equal('7');
  });

  for (const path of ['/hang', '/slow-body']) {
    it(`has a limit: ${path}`, async () => {
      const answer = await http_.post(url(path), { body: BODY, timeoutMs: 150 });
      answer.should.eql({ ok: false, reason: 'no answer in time' });
    });
  }

  it('takes no answer without end', async () => {
    const answer = await http_.post(url('/huge'), { body: BODY, timeoutMs: LONG_MS });
    should(answer.ok).equal(false);
  });

  it('says why there is no connection, without the address', async () => {
    const dead = `http://127.0.0.1:${await freePort()}/secret`;
    const answer = await http_.post(dead, { body: BODY, timeoutMs: LONG_MS });
    answer.should.eql({ ok: false, reason: 'no connection: ECONNREFUSED' });
  });

  it('is broken off when its client closes', async () => {
    const call = http_.post(url('/hang'), { body: BODY, timeoutMs: 60_000 });
    setTimeout(() => http_.close(), 50);
    (await call).should.eql({ ok: false, reason: 'shutting down' });
    const later = await http_.post(url('/x'), { body: BODY, timeoutMs: LONG_MS });
    later.should.eql({ ok: false, reason: 'shutting down' });
  });

  describe('with a proxy', () => {
    let proxy: ConnectProxy;
    before(async () => {
      proxy = await ConnectProxy.start();
    });
    afterEach(() => proxy.reset());
    after(() => proxy.stop());

    async function call(target: string, except = ''): Promise<string> {
      const client = createOutgoingHttp({ url: proxy.url, except });
      const answer = await client.post(target, { body: BODY, timeoutMs: LONG_MS });
      client.close();
      return answer.ok ? 'answered' : answer.reason;
    }

    it('goes straight over plain http', async () => {
      (await call(url('/x'))).should.equal('answered');
      proxy.connects.should.eql([]);
    });

    it('asks the proxy for the host over https, by its name', async () => {
      await call('https://api.weixin.invalid/x');
      proxy.connects.should.eql(['api.weixin.invalid:443']);
    });

    it('fails where the proxy refuses', async () => {
      proxy.refuses = true;
      (await call('https://api.weixin.invalid/x')).should.startWith('no connection');
    });

    const exceptions: [except: string, isExcepted: boolean][] = [
      ['localhost', true],
      ['LOCALHOST', true],
      ['a.example, localhost', true],
      ['*', true],
      ['localhost:1', false],
      ['host', false],
      ['a.example', false],
    ];
    for (const [except, isExcepted] of exceptions) {
      it(`${isExcepted ? 'goes around' : 'goes through'} it with NO_PROXY=${except}`, async () => {
        await call(`https://localhost:${await freePort()}/x`, except);
        proxy.connects.length.should.equal(isExcepted ? 0 : 1);
      });
    }
  });
});
