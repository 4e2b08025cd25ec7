import should from 'should';
import { TestServer } from '../support/server';
import { connect, terminateAll } from '../support/socket-client';

/** Which pages may open a socket: those of `IM_CORS_ORIGINS`, and what is no page. */
const CASES: { origins: string; origin: string; taken: boolean }[] = [
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
  // Unset: the server's own.
  { origins: '', origin: 'own', taken: true },
  { origins: '', origin: 'https://h5.example.com', taken: false },
  { origins: '', origin: 'null', taken: false },
  { origins: '', origin: 'http://127.0.0.1:1', taken: false },
];

describe('The way to a socket', () => {
  afterEach(terminateAll);

  for (const { origin, origins, taken } of CASES) {
    it(`is ${taken ? 'open' : 'closed'} for ${origin} where IM_CORS_ORIGINS is "${origins}"`, async () => {
      const server = await TestServer.start({ IM_CORS_ORIGINS: origins });
      try {
        const headers = { Origin: origin === 'own' ? server.url : origin };
        if (taken) await connect(server.url, { headers });
        else await connect(server.url, { headers }).should.be.rejectedWith(/403/);
        // Apps and servers send no origin.
        await connect(server.url);
        await terminateAll();
      } finally {
        await server.stop();
      }
    });
  }

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
});
