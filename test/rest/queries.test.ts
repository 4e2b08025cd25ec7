import { Api, type Case, runCases } from './api';

describe('Queries', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'P1');
    await api.server.session('s1', 1, 'D1', 'P1');
  });
  after(() => api.stop());

  const LIMITED = [
    '/sessions?user_id=D1',
    '/sessions/recent?user_id=D1',
    '/sessions/topics?user_id=D1',
    '/sessions/s1/messages?user_id=D1',
    '/sessions/s1/messages/unread?user_id=D1',
  ];
  runCases(
    () => api,
    LIMITED.flatMap((path) => [
      ...['1', '200', '0200'].map((limit): Case => ({
        title: `${path}&limit=${limit}`,
        request: ['GET', `${path}&limit=${limit}`],
        status: 200,
      })),
      ...['0', '201', '-1', '', '1.5', 'x', '1e2', '%201', '99999999999999999999'].map((limit): Case => ({
        title: `${path}&limit=${limit}`,
        request: ['GET', `${path}&limit=${limit}`],
        status: 400,
        faults: ['limit'],
      })),
    ]),
  );

  const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url');
  const BAD_CURSORS = [
    '',
    'x',
    '!!',
    'bnVsbA',
    cursor([]),
    cursor({}),
    cursor([0, 'x', 's1']),
    cursor(['2026-02-30 00:00:00.000', 't']),
    cursor([0, '2026-13-01 00:00:00.000', 's']),
    'a'.repeat(1025),
  ];
  runCases(
    () => api,
    ['/sessions?user_id=D1', '/sessions/recent?user_id=D1', '/sessions/topics?user_id=D1'].flatMap((path) =>
      BAD_CURSORS.map((bad): Case => ({
        title: `${path}&cursor=${bad.slice(0, 40)}`,
        request: ['GET', `${path}&cursor=${bad}`],
        status: 400,
        faults: ['cursor'],
      })),
    ),
  );

  const FAULTS: [path: string, ...faults: string[]][] = [
    ['/application/badge_no', 'user_id'],
    ['/application/badge_no?user_id=', 'user_id'],
    ['/application/badge_no?user_id=D1&user_id=D1', 'user_id'],
    ['/application/badge_no?user_id=%00', 'user_id'],
    ['/application/badge_no?user_id=D1&other=%00', 'other'],
    ['/application/badge_no?user_id=D1&%ff=1', ''],
    ['/sessions', 'user_id'],
    [
      '/sessions?user_id=D1&type=4&business_type=0&limit=0&cursor=x',
      'type',
      'business_type',
      'limit',
      'cursor',
    ],
    ['/sessions?user_id=unknown&cursor=x', 'cursor'],
    ['/sessions/recent?user_id=D1&type=nurse&days=0', 'type', 'days'],
    ['/sessions/recent?days=0', 'days', 'user_id'],
    ['/sessions/recent?user_id=&days=0', 'days', 'user_id'],
    ['/sessions/recent?user_id=D1&days=3651', 'days'],
    ['/sessions/unread_message_count', 'user_id'],
    ['/sessions/s1/unread_message_count', 'user_id'],
    ['/sessions/s1/messages/unread', 'user_id'],
    ['/sessions/s1/messages/unread?user_id=D1&after=-1', 'after'],
    ['/sessions/s1/messages?before=x&after=1.5&peek=2', 'before', 'after', 'peek'],
    ['/sessions/s1/messages?before=9007199254740992', 'before'],
    ['/sessions/topics?status=1&reply=2&type=x&session_id=topics', 'status', 'reply', 'type', 'session_id'],
    ['/sessions/topics?from=2026-11-22&to=yesterday', 'from', 'to'],
    ['/sessions/topics?from=2026-11-22T00:00:00', 'from'],
    ['/sessions/topics?from=2026-11-22+00:00:00Z', 'from'],
    ['/sessions/topics?from=2026-11-22T00:00:00++08:00', 'from'],
    ['/sessions/topics?from=+2026-11-22T00:00:00Z', 'from'],
    ['/sessions/topics?to=2026-02-30T00:00:00Z', 'to'],
    ['/sessions/topics/count/reply?user_id=D1&from=x', 'from'],
    ['/sessions/topics/count/reply', 'user_id'],
    ['/sessions/topics/count/reply?from=x&to=y', 'from', 'to', 'user_id'],
    ['/sessions/s1/messages/unread?limit=0', 'limit', 'user_id'],
  ];
  runCases(
    () => api,
    FAULTS.map(([path, ...faults]): Case => ({ title: path, request: ['GET', path], status: 400, faults })),
  );

  runCases(
    () => api,
    [
      '/application/badge_no?user_id=D1&other=1&other=2&__proto__=x',
      '/sessions/recent?user_id=D1&days=3650&type=doctor',
      '/sessions/recent?user_id=D1&days=1&type=patient',
      '/sessions/topics?type=-2147483648',
      '/sessions/topics?from=2026-11-22T00:00:00+08:00&to=2026-11-23T00:00:00%20%30%38:00',
      '/sessions/topics/count/reply?user_id=D1&from=2026-11-22T00:00:00+08:00&to=2026-11-23T00:00:00+08:00',
      '/sessions/topics?from=2026-11-22T00:00:00%2B08:00&to=2026-11-23T00:00:00.123456Z',
      '/sessions/s1/messages?before=9007199254740991&after=0&peek=0&user_id=D1',
    ].map((path): Case => ({ title: path, request: ['GET', path], status: 200 })),
  );
});
