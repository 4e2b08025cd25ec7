import should from 'should';
import { amr, jpeg, mp4, pdf } from './fixtures';
import { asBackend, FileServer } from './upload-client';

describe('Reading a file', () => {
  let files: FileServer;
  let content: Buffer;
  let id: string;
  let url: string;
  before(async () => {
    files = await FileServer.start();
    await files.server.users('P1');
    content = Buffer.concat([
      mp4('isom', ['vide'], 2),
      Buffer.from(Array.from({ length: 300 }, (_, at) => at % 251)),
    ]);
    const { body } = await files.upload(content, { userId: 'P1', name: '视频 (1).mp4' });
    [id, url] = [body.id as string, body.url as string];
  });
  after(() => files.stop());

  it('gives its bytes and says what they are', async () => {
    const { bytes, headers, status } = await files.get(url);
    should(status).equal(200);
    should(bytes.equals(content)).be.true();
    should(headers).containEql({
      'content-type': 'video/mp4',
      'content-length': String(content.length),
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=600',
      'content-security-policy': 'sandbox',
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-expose-headers': 'Content-Range, Content-Disposition, ETag',
      'x-content-type-options': 'nosniff',
      'content-disposition':
        'inline; filename="__ (1).mp4"; filename*=UTF-8\'\'%E8%A7%86%E9%A2%91%20%281%29.mp4',
    });
    should(headers.etag).match(/^"[^"]+"$/);
    should(headers['x-request-id']).be.a.String();
  });

  it('a pdf is an attachment', async () => {
    const { body } = await files.upload(pdf, { userId: 'P1', name: 'a.pdf' });
    const { headers } = await files.get(body.url as string);
    should(headers['content-disposition']).equal(`attachment; filename="a.pdf"; filename*=UTF-8''a.pdf`);
  });

  it('is the same by credentials', async () => {
    const { bytes, status } = await files.get(id, asBackend);
    should([status, bytes.equals(content)]).eql([200, true]);
  });

  const size = () => content.length;
  const RANGES: [range: string, status: number, start?: () => number, end?: () => number][] = [
    ['bytes=0-0', 206, () => 0, () => 0],
    ['bytes=10-19', 206, () => 10, () => 19],
    ['bytes=100-', 206, () => 100, () => size() - 1],
    ['bytes=-7', 206, () => size() - 7, () => size() - 1],
    ['bytes=-999999', 206, () => 0, () => size() - 1],
    ['bytes=5-999999', 206, () => 5, () => size() - 1],
    ['BYTES= 1-2 ', 206, () => 1, () => 2],
    ['bytes=5-99999999999999999999', 206, () => 5, () => size() - 1],
    ['bytes=-99999999999999999999', 206, () => 0, () => size() - 1],
    ['bytes=999999-', 416],
    ['bytes=99999999999999999999-', 416],
    ['bytes=-0', 416],
    ['bytes=0-1,4-5', 200],
    ['bytes=9-3', 200],
    ['bytes=-', 200],
    ['bytes=a-b', 200],
    ['pages=1-2', 200],
  ];

  for (const [range, status, start, end] of RANGES) {
    it(`Range ${range}: ${status}`, async () => {
      const { body, bytes, headers, status: told } = await files.get(url, { Range: range });
      should(told).equal(status);
      if (status === 416) {
        should(body.code).equal('range_not_satisfiable');
        should(headers['content-range']).equal(`bytes */${size()}`);
      } else if (status === 206) {
        const [first, last] = [start!(), end!()];
        should(headers['content-range']).equal(`bytes ${first}-${last}/${size()}`);
        should(headers['content-length']).equal(String(last - first + 1));
        should(bytes.equals(content.subarray(first, last + 1))).be.true();
      } else should(bytes.equals(content)).be.true();
    });
  }

  it('If-Range: a part of this very file, or all of it', async () => {
    const tag = (await files.get(url)).headers.etag!;
    const ask = async (condition: string) =>
      (await files.get(url, { Range: 'bytes=0-4', 'If-Range': condition })).status;
    should([await ask(tag), await ask('"another"'), await ask('Mon, 30 Nov 2026 00:00:00 GMT')]).eql([
      206, 200, 200,
    ]);
  });

  it('If-None-Match: 304 without a body', async () => {
    const tag = (await files.get(url)).headers.etag!;
    for (const known of [tag, `"x", W/${tag}`, '*']) {
      const { bytes, headers, status } = await files.get(url, { 'If-None-Match': known, Range: 'bytes=0-4' });
      should([status, bytes.length, headers.etag]).eql([304, 0, tag]);
    }
    should((await files.get(url, { 'If-None-Match': '"x"' })).status).equal(200);
  });

  it('HEAD tells as much, and no more', async () => {
    const { bytes, headers, status } = await files.get(url, { Range: 'bytes=0-4' }, 'HEAD');
    should([status, bytes.length, headers['content-length']]).eql([200, 0, String(size())]);
  });

  it('another size: 400, after the signature', async () => {
    const { body, status } = await files.get(`${url}&size=large`);
    should([status, body.errors?.[0]?.path]).eql([400, 'size']);
    should((await files.get(`${url}x&size=large`)).status).equal(403);
    should((await files.get(`${id}?size=large`)).status).equal(401);
    should((await files.get(`${id}?size=large`, asBackend)).status).equal(400);
  });

  it('other methods: 405', async () => {
    const { headers, status } = await files.get(url, {}, 'DELETE');
    should([status, headers.allow]).eql([405, 'GET, HEAD']);
  });

  it('a page of another origin may show it and read its headers', async () => {
    const { headers } = await files.get(url, { Origin: 'https://other.example' });
    should(headers['cross-origin-resource-policy']).equal('cross-origin');
    const tag = headers.etag!;
    const REQUESTS: [status: number, headers: Record<string, string>][] = [
      [200, {}],
      [206, { Range: 'bytes=0-4' }],
      [304, { 'If-None-Match': tag }],
      [416, { Range: 'bytes=999999-' }],
    ];
    for (const [status, asked] of REQUESTS) {
      const answer = await files.get(url, { Origin: 'https://other.example', ...asked });
      should([answer.status, answer.headers['access-control-expose-headers']]).eql([
        status,
        'Content-Range, Content-Disposition, ETag',
      ]);
    }
  });

  it('HEAD of a file that is missing in the storage: 404, as GET', async () => {
    const lost = await files.file(amr, { userId: 'P1' });
    should((await files.get(lost, asBackend, 'HEAD')).status).equal(200);
    await files.server.context.fileStore!.remove(lost);
    for (const method of ['GET', 'HEAD'])
      should((await files.get(lost, asBackend, method)).status).equal(404, method);
  });

  it('the thumbnail has a tag of its own', async () => {
    const { body } = await files.upload(await jpeg(900, 900), { userId: 'P1' });
    const [whole, small] = [await files.get(body.url as string), await files.get(body.thumbnail as string)];
    should(whole.headers.etag).not.equal(small.headers.etag);
    should(small.bytes.length).be.below(whole.bytes.length);
  });

  const NAMES: [given: string | null, kept: string][] = [
    ['照片.jpg', '照片.jpg'],
    ['C:\\\\dir\\\\voice.amr', 'voice.amr'],
    ['../../etc/passwd', 'passwd'],
    ['a\u0007b\u007f.amr', 'ab.amr'],
    [`${'长'.repeat(150)}.amr`, `${'长'.repeat(96)}.amr`],
    [`${'x'.repeat(90)}.${'y'.repeat(30)}`, `${'x'.repeat(90)}.${'y'.repeat(9)}`],
    ['', 'file.amr'],
    ['dir/', 'file.amr'],
    [null, 'file.amr'],
  ];
  for (const [given, kept] of NAMES) {
    it(`the name ${JSON.stringify(given).slice(0, 40)} is kept as ${kept.slice(0, 20)}`, async () => {
      const { body, status } = await files.upload(amr, { userId: 'P1', name: given });
      should([status, body.name]).eql([201, kept]);
    });
  }
});

describe('Files switched off', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start({ IM_FILES: 'off' });
    await files.server.users('P1');
  });
  after(() => files.stop());

  it('an upload is not found, after the credentials', async () => {
    should((await files.upload(amr, { userId: 'P1' })).status).equal(404);
    should((await files.upload(amr, { token: 'wrong' })).status).equal(401);
  });
});
