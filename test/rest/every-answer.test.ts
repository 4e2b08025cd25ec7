import net from 'node:net';
import should from 'should';
import { APP_KEY, TestServer } from '../support/server';

/** What is sent as it is, and the status that it gets. `?` stands for the headers that each of them has. */
const REQUESTS: readonly (readonly [title: string, request: string, status: number])[] = [
  ...([
    ['/', 200],
    ['/readme.md', 200],
    ['/favicon.ico', 200],
    ['/assets/site.css', 200],
    ['/assets', 404],
    ['/assets/nothing', 404],
    ['/status', 200],
    ['/demo/patient', 200],
    ['/demo/doctor', 200],
    ['/demo/vendor/jquery.js', 200],
    ['/demo/doctor.js', 200],
    ['/demo/assets/media/voice.wav', 200],
    ['/sdk/im.client.js', 200],
    ['/sdk', 301],
    ['/sdk/', 404],
    ['/sdk/nothing', 404],
    ['/sdk/%', 404],
    ['/health/live', 200],
    ['/health/ready', 200],
    ['/metrics', 200],
    ['/api/v2/openapi.json', 200],
    ['/api/v2/docs', 200],
    ['/api/v2', 404],
    ['/nothing', 404],
    ['/%E0%A4%A', 404],
    ['/ws', 404],
    ['/api/v2/users/D1', 200],
    ['/api/v2/users/nobody', 404],
    ['/api/v2/users/%', 404],
    ['/api/v2/users/login', 405],
    ['/api/v2/sessions?limit=0', 400],
    ['/api/v2/sessions/s1/messages', 200],
  ].flatMap(([path, status]) => [
    [`GET ${path}`, `GET ${path} HTTP/1.1\r\n?`, status] as const,
    [`HEAD ${path}`, `HEAD ${path} HTTP/1.1\r\n?`, status] as const,
    [
      `GET ${path} from a page`,
      `GET ${path} HTTP/1.1\r\nOrigin: https://h5.example.com\r\n?`,
      status,
    ] as const,
  ]) as [string, string, number][]),
  ['a body', body('PUT', '/users/D1', '{"type":"doctor","name":"D1"}'), 200],
  ['nothing to say', body('PUT', '/sessions/s1/sticky', '{"user_id":"D1"}'), 204],
  ['a send', body('POST', '/sessions/s1/messages', '{"type":0,"content":"x"}'), 201],
  ['a send that is refused', body('POST', '/sessions/s1/messages', '{"type":1}'), 400],
  ['a send that is no JSON', body('POST', '/sessions/s1/messages', '{'), 400],
  ['a send to nowhere', body('POST', '/sessions/nowhere/messages', '{"type":0,"content":"x"}'), 404],
  ['a range', 'GET /sdk/im.client.js HTTP/1.1\r\nRange: bytes=0-9\r\n?', 206],
  ['a range beyond the end', 'GET /sdk/im.client.js HTTP/1.1\r\nRange: bytes=9999999-\r\n?', 416],
  ['another file than there is', 'GET /sdk/im.client.js HTTP/1.1\r\nIf-Match: "x"\r\n?', 409],
  [
    'what the browser has',
    'GET /sdk/im.client.js HTTP/1.1\r\nIf-Modified-Since: Sat, 1 Jan 2095 00:00:00 GMT\r\n?',
    304,
  ],
  ['no credentials', 'GET /api/v2/users/D1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 401],
  [
    'a preflight',
    'OPTIONS /api/v2/users/D1 HTTP/1.1\r\nOrigin: https://h5.example.com\r\nAccess-Control-Request-Method: PUT\r\n?',
    204,
  ],
  ['an OPTIONS', 'OPTIONS /api/v2/users/D1 HTTP/1.1\r\n?', 405],
  ['HTTP/1.0', 'GET /health/live HTTP/1.0\r\n\r\n', 200],
  ['no host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['no host, for a send', 'POST /api/v2/sessions/s1/messages HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['an expectation that nobody knows', 'GET /health/live HTTP/1.1\r\nExpect: coffee\r\n?', 417],
  ['no HTTP', 'GARBAGE\r\n\r\n', 400],
  ['a method that nobody knows', 'BREW / HTTP/1.1\r\n?', 400],
  ['too many headers', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n?`, 431],
  ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n?', 400],
  ...(
    [
      [
        'a socket',
        'GET',
        '/ws',
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n',
        101,
      ],
      ['a socket elsewhere', 'GET', '/wss', '', 404],
      ['a socket by POST', 'POST', '/ws', 'Sec-WebSocket-Version: 13\r\n', 405],
      [
        'a socket of another version',
        'GET',
        '/ws',
        'Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\nSec-WebSocket-Version: 99\r\n',
        426,
      ],
      ['a socket without a key', 'GET', '/ws', 'Sec-WebSocket-Version: 13\r\n', 400],
      ['a socket of a page elsewhere', 'GET', '/ws', 'Origin: https://evil.example.com\r\n', 403],
    ] as const
  ).map(([title, method, path, headers, status]): [string, string, number] => [
    title,
    `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    status,
  ]),
  [
    'an upgrade to something else',
    `GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    200,
  ],
];

function body(method: string, path: string, text: string): string {
  return `${method} /api/v2${path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n?${text}`;
}

/** The head of the answer to bytes sent as they are. */
function headOf(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const end = answer.indexOf('\r\n\r\n');
      if (end !== -1) {
        socket.destroy();
        resolve(answer.slice(0, end));
      }
    });
    socket.on('close', () => reject(new Error(`no whole head: ${answer}`)));
    socket.on('error', reject);
  });
}

/** What comes back until the server closes, for bytes sent as they are; `then`, once an answer came, ends our side. */
function answersTo(port: number, text: string, then: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.once('data', () => socket.end(then));
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer.match(/HTTP\/1\.1 \d+/g) ?? []));
    socket.on('error', reject);
  });
}

describe('Every answer', () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start({
      IM_PROFILE: 'dev',
      IM_DATABASE_URL: 'sqlite::memory:',
      IM_CORS_ORIGINS: 'https://h5.example.com',
    });
    await server.users('D1');
    await server.session('s1', 1, 'D1');
  });
  after(() => server.stop());

  const common = `Host: x\r\nConnection: close\r\nX-IM-App-Key: ${APP_KEY}\r\n\r\n`;

  for (const [title, request, status] of REQUESTS) {
    it(`says nosniff and names its request: ${title} → ${status}`, async () => {
      const head = await headOf(
        server.port,
        request.replace('?', () => common),
      );
      const [first = '', ...lines] = head.split('\r\n');
      first.should.startWith(`HTTP/1.1 ${status} `);
      const named = (name: string) => lines.filter((line) => line.toLowerCase().startsWith(`${name}: `));
      should(named('x-content-type-options')).eql(['X-Content-Type-Options: nosniff']);
      should(named('x-request-id').length).equal(1, head);
    });
  }

  const json = `POST /api/v2/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  const ONCE: readonly (readonly [title: string, request: string, then: string, ...statuses: number[]])[] = [
    [
      'a body that is too long ends early',
      `${json}X-IM-App-Key: ${APP_KEY}\r\nContent-Length: 50000000\r\n\r\n`,
      '',
      413,
    ],
    ['a body without credentials ends early', `${json}Content-Length: 100\r\n\r\n{`, '', 401],
    ['a body without credentials breaks', `${json}Transfer-Encoding: chunked\r\n\r\n`, 'no size\r\n', 401],
    ['no HTTP follows a whole request', 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n', 'GARBAGE', 200, 400],
  ];
  for (const [title, request, then, ...statuses] of ONCE) {
    it(`is the only one to its request: ${title} → ${statuses.join()}`, async () => {
      const answers = await answersTo(server.port, request, then);
      should(answers).eql(statuses.map((status) => `HTTP/1.1 ${status}`));
    });
  }
});
