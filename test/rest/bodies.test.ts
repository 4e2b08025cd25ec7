import http from 'node:http';
import should from 'should';
import supertest from 'supertest';
import { DEADLINE_MS } from '../../src/controllers/rest/perform';
import { APP_KEY } from '../support/server';
import { Api, BASE, type Caller, checkAnswer, checkProblem, faultPaths } from './api';

/** `levels` arrays, one in another. */
function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

describe('Request bodies', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'P1');
    await api.server.session('s1', 1, 'D1', 'P1');
  });
  after(() => api.stop());

  const bytes = (
    body: string | Buffer,
    type: string | null = 'application/json',
    path = '/sessions/s1/messages',
  ) => {
    const request = supertest(api.server.url)
      .post(BASE + path)
      .set('X-IM-App-Key', APP_KEY);
    if (type !== null) request.set('Content-Type', type);
    return request.serialize((text) => text as string).send(body as never);
  };

  const text = (content: string) => `{"sender_id":"D1","type":1,"content":${content}}`;

  const CASES: {
    title: string;
    body: string | Buffer;
    type?: string | null;
    status: number;
    code?: string;
    faults?: string[];
  }[] = [
    { title: 'JSON', body: text('"您好"'), status: 201 },
    { title: 'a charset', body: text('"a"'), type: 'application/json; charset=UTF-8', status: 201 },
    {
      title: 'a quoted charset, other case',
      body: text('"a"'),
      type: 'Application/JSON;charset="utf-8"',
      status: 201,
    },
    { title: 'another charset', body: text('"a"'), type: 'application/json; charset=gbk', status: 415 },
    { title: 'a form', body: 'type=1', type: 'application/x-www-form-urlencoded', status: 415 },
    { title: 'plain text', body: text('"a"'), type: 'text/plain', status: 415 },
    { title: 'a type that begins alike', body: text('"a"'), type: 'application/jsonp', status: 415 },
    { title: 'half of an object', body: '{"type":1', status: 400, code: 'malformed_json' },
    { title: 'a trailing comma', body: '{"type":1,}', status: 400, code: 'malformed_json' },
    { title: 'a raw NUL', body: text('"a\u0000b"'), status: 400, code: 'malformed_json' },
    { title: 'a raw line break in a string', body: text('"a\nb"'), status: 400, code: 'malformed_json' },
    {
      title: 'no UTF-8',
      body: Buffer.concat([
        Buffer.from('{"type":1,"content":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}'),
      ]),
      status: 400,
      code: 'malformed_json',
    },
    {
      title: 'an overlong encoding',
      body: Buffer.concat([Buffer.from('{"content":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
      status: 400,
      code: 'malformed_json',
    },
    {
      title: 'a surrogate in UTF-8',
      body: Buffer.concat([Buffer.from('{"content":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      status: 400,
      code: 'malformed_json',
    },
    {
      title: 'an escaped NUL',
      body: text('"a\\u0000b"'),
      status: 400,
      code: 'validation_failed',
      faults: ['content'],
    },
    {
      title: 'half of a surrogate pair',
      body: text('"a\\ud83d"'),
      status: 400,
      code: 'validation_failed',
      faults: ['content'],
    },
    {
      title: 'the other half',
      body: text('"\\ude00a"'),
      status: 400,
      code: 'validation_failed',
      faults: ['content'],
    },
    { title: 'a whole surrogate pair', body: text('"\\ud83d\\ude00"'), status: 201 },
    {
      title: 'NUL deep inside',
      body: '{"type":0,"content":{"a":[{"b":"\\u0000"}]}}',
      status: 400,
      faults: ['content.a.0.b'],
    },
    { title: 'NUL in a key', body: '{"type":0,"content":{"a\\u0000":1}}', status: 400, faults: ['content'] },
    {
      title: 'NUL in an unknown field',
      body: '{"sender_id":"D1","type":1,"content":"a","other":"\\u0000"}',
      status: 400,
      faults: ['other'],
    },
    {
      title: 'NUL beside other faults, one of them in the same text',
      body: '{"type":1,"content":"","client_msg_id":"\\u0000","reply_to":"x"}',
      status: 400,
      faults: ['client_msg_id', 'content', 'reply_to'],
    },
    { title: '32 levels', body: `{"type":0,"content":{"a":${nested(30)}}}`, status: 201 },
    {
      title: '33 levels',
      body: `{"type":0,"content":{"a":${nested(31)}}}`,
      status: 400,
      code: 'validation_failed',
      faults: [''],
    },
    {
      title: '33 levels in an unknown field',
      body: `{"sender_id":"D1","type":1,"content":"a","other":${nested(32)}}`,
      status: 400,
      faults: [''],
    },
    { title: 'brackets in a string do not nest', body: text(JSON.stringify('['.repeat(100))), status: 201 },
    { title: '100,000 levels', body: nested(100_000), status: 400, code: 'validation_failed' },
    { title: 'an array', body: '[]', status: 400, faults: [''] },
    { title: 'a string', body: '"a"', status: 400, faults: [''] },
    { title: 'null', body: 'null', status: 400, faults: [''] },
    { title: 'an empty body', body: '', type: null, status: 400, faults: ['content', 'type'] },
    {
      title: 'unknown fields are ignored',
      body: '{"sender_id":"D1","type":1,"content":"a","zzz":{"a":[1]}}',
      status: 201,
    },
  ];
  for (const { title, body, type, status, code, faults } of CASES) {
    it(`${title} → ${status}`, async () => {
      const response = await bytes(body, type);
      checkAnswer('POST', '/sessions/s1/messages', response);
      response.status.should.equal(status, response.text);
      if (status === 415) response.body.code.should.equal('unsupported_media_type');
      if (code !== undefined) response.body.code.should.equal(code);
      if (faults !== undefined) faultPaths(response).should.eql(faults);
    });
  }

  it('null where every field may be left out is still no object', async () => {
    const response = await bytes('null', 'application/json', '/users/logout');
    should([response.status, response.body.errors[0].path]).eql([400, '']);
  });

  it('a content encoding → 415', async () => {
    const response = await bytes(text('"a"')).set('Content-Encoding', 'gzip');
    should([response.status, response.body.code]).eql([415, 'unsupported_media_type']);
  });

  it('256 KiB are taken, one byte more is 413', async () => {
    const body = (size: number) => {
      const start = '{"type":0,"content":"';
      return `${start}${'a'.repeat(size - start.length - 2)}"}`;
    };
    (await bytes(body(256 * 1024))).status.should.equal(201);
    const refused = await bytes(body(256 * 1024 + 1));
    checkProblem(refused);
    should([refused.status, refused.body.code]).eql([413, 'payload_too_large']);
  });

  it('a body without a length is measured as it comes', async () => {
    const send = async (size: number) => {
      const chunks = new ReadableStream({
        start(controller) {
          for (let sent = 0; sent < size; sent += 1024) controller.enqueue(new Uint8Array(1024).fill(32));
          controller.enqueue(new TextEncoder().encode(text('"a"')));
          controller.close();
        },
      });
      const headers = { 'X-IM-App-Key': APP_KEY, 'Content-Type': 'application/json' };
      const url = `${api.server.url}${BASE}/sessions/s1/messages`;
      const response = await fetch(url, { method: 'POST', headers, body: chunks, duplex: 'half' });
      return response.status;
    };
    (await send(200 * 1024)).should.equal(201);
    (await send(300 * 1024)).should.equal(413);
  });

  it('a body that comes slowly is waited for: the database has no part in that', async function () {
    this.timeout(30_000);
    const body = Buffer.from('{"sender_id":"D1","type":1,"content":"slow"}');
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = http.request(
        `${api.server.url}${BASE}/sessions/s1/messages`,
        {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            'Content-Length': body.length,
            'X-IM-App-Key': APP_KEY,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      request.on('error', reject);
      request.write(body.subarray(0, 10));
      setTimeout(() => request.end(body.subarray(10)), DEADLINE_MS + 500);
    });
    answer.status.should.equal(201, answer.text);
  });

  describe('the order of checks', () => {
    const ORDER: { title: string; path: string; by?: Caller; type?: string; body: string; status: number }[] =
      [
        { title: 'path before credentials', path: '/nothing', by: 'nobody', body: '{', status: 404 },
        {
          title: 'credentials before the kind of body',
          path: '/sessions/s1/messages',
          by: 'nobody',
          type: 'text/plain',
          body: 'x',
          status: 401,
        },
        {
          title: 'credentials before the size',
          path: '/sessions/s1/messages',
          by: 'nobody',
          body: ' '.repeat(300_000),
          status: 401,
        },
        {
          title: 'the kind before the size',
          path: '/sessions/s1/messages',
          type: 'text/plain',
          body: ' '.repeat(300_000),
          status: 415,
        },
        {
          title: 'the size before the syntax',
          path: '/sessions/s1/messages',
          body: '{'.repeat(300_000),
          status: 413,
        },
        { title: 'the syntax before who may', path: '/users/login', by: 'D1', body: '{', status: 400 },
        { title: 'fields before who may', path: '/users/login', by: 'D1', body: '{}', status: 400 },
        {
          title: 'fields before what exists',
          path: '/sessions/unknown/messages',
          body: '{"type":1,"content":""}',
          status: 400,
        },
        {
          title: 'fields before who may: another sender',
          path: '/sessions/s1/messages',
          by: 'D1',
          body: '{"sender_id":"P1","type":1}',
          status: 400,
        },
        {
          title: 'who may before what exists',
          path: '/sessions/unknown/messages',
          by: 'D1',
          body: '{"sender_id":"P1","type":1,"content":"a"}',
          status: 403,
        },
        {
          title: 'what exists before conflicts',
          path: '/sessions',
          body: '{"id":"s1","type":1,"name":"x","participants":[{"id":"unknown"}]}',
          status: 400,
        },
      ];
    for (const { title, path, by = 'backend', type = 'application/json', body, status } of ORDER) {
      it(`${title} → ${status}`, async () => {
        const request = supertest(api.server.url)
          .post(BASE + path)
          .set('Content-Type', type);
        if (by === 'backend') request.set('X-IM-App-Key', APP_KEY);
        else if (by !== 'nobody') request.set('Authorization', `Bearer ${await api.token(by)}`);
        const response = await request.serialize((each) => each as string).send(body);
        checkProblem(response);
        response.status.should.equal(status, response.text);
      });
    }
  });
});
