import { readdirSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import should from 'should';
import { Sweep } from '../../src/commands/files/sweep';
import { parseFiles } from '../../src/resources/config/files-url';
import { waitUntil } from '../support/wait-until';
import { jpeg } from './fixtures';
import { CREDENTIALS, putAtOnce, S3StandIn } from './s3-stand-in';
import { asBackend, FileServer } from './upload-client';

describe('Files in a bucket', () => {
  let bucket: S3StandIn;
  let files: FileServer;
  const setting = (endpoint: string, prefix = 'im/files') =>
    `s3://pictures/${prefix}?region=cn-test-1&endpoint=${encodeURIComponent(endpoint)}&path_style=true`;
  before(async () => {
    bucket = await S3StandIn.start('pictures');
    files = await FileServer.start({ ...CREDENTIALS, IM_FILES: setting(bucket.endpoint) });
    await files.server.users('P1');
    await files.server.session('s', 1, 'P1');
  });
  after(async () => {
    await files.stop();
    await bucket.stop();
  });
  afterEach(() => {
    bucket.silent = false;
    bucket.failing = undefined;
    bucket.putStatus = putAtOnce;
    should(bucket.refused).eql([]);
  });

  const incoming = () => {
    const { incoming: folder } = files.server.context.fileStore!;
    return readdirSync(folder);
  };

  it('are stored, read in parts and whole, with signed requests and without checksums', async () => {
    const { body, status } = await files.upload(await jpeg(700, 700), { userId: 'P1' });
    should(status).equal(201, JSON.stringify(body));
    const id = body.id as string;
    should([...bucket.objects.keys()].sort()).eql([`im/files/${id}`, `im/files/${id}.thumbnail`]);
    should(bucket.objects.get(`im/files/${id}`)!.type).equal('image/jpeg');
    const whole = await files.get(body.url as string);
    should(whole.bytes.equals(bucket.objects.get(`im/files/${id}`)!.content)).be.true();
    const part = await files.get(body.url as string, { Range: 'bytes=5-9' });
    should([part.status, part.bytes.equals(whole.bytes.subarray(5, 10))]).eql([206, true]);
    should((await files.get(body.thumbnail as string)).headers['content-type']).equal('image/jpeg');
    should(incoming()).eql([]);
  });

  it('an object that is missing: 404, by GET and by HEAD', async () => {
    const id = await files.file(await jpeg(20, 20), { userId: 'P1' });
    const { length } = bucket.objects.get(`im/files/${id}`)!.content;
    const head = await files.get(id, asBackend, 'HEAD');
    should([head.status, head.headers['content-length']]).eql([200, String(length)]);
    bucket.objects.delete(`im/files/${id}`);
    for (const method of ['GET', 'HEAD'])
      should((await files.get(id, asBackend, method)).status).equal(404, method);
  });

  it('while it refuses: 503, nothing kept; messages and history go on', async () => {
    bucket.failing = 503;
    const { body, status } = await files.upload(await jpeg(20, 20), { userId: 'P1' });
    should([status, body.code]).eql([503, 'unavailable']);
    await files.server.send('s', 'P1', '您好');
    should(incoming()).eql([]);
    const rows = await files.db.selectFrom('files').select('id').execute();
    should(rows.length).equal(2);
  });

  it('while it is silent: 503 within 10 s', async () => {
    const id = await files.file(await jpeg(22, 22), { userId: 'P1' });
    bucket.silent = true;
    const begin = performance.now();
    const answers = await Promise.all([
      files.upload(await jpeg(20, 20), { userId: 'P1' }),
      files.get(id, asBackend),
    ]);
    should(answers.map(({ status }) => status)).eql([503, 503]);
    should(performance.now() - begin).be.below(10_000);
  });

  for (const [title, answerObject] of [
    [
      'takes one of two objects slowly and never answers the other',
      () => new Promise<number>(() => undefined),
    ],
    ['takes one of two objects slowly and refuses the other at once', () => Promise.resolve(503)],
  ] as const) {
    it(`while it ${title}: 503 within 10 s, nothing kept`, async () => {
      const before = [...bucket.objects.keys()];
      let isThumbnailPut = false;
      bucket.putStatus = async (key) => {
        if (!key.endsWith('.thumbnail')) return answerObject();
        await sleep(2_500);
        isThumbnailPut = true;
        return 200;
      };
      const begin = performance.now();
      const { status } = await files.upload(await jpeg(700, 700), { userId: 'P1' });
      should(status).equal(503);
      should(performance.now() - begin).be.below(10_000);
      // What is removed before it is put would stay.
      should(isThumbnailPut).be.true();
      await waitUntil(
        () => bucket.objects.size === before.length,
        20_000,
        () => `left: ${[...bucket.objects.keys()].filter((key) => !before.includes(key)).join()}`,
      );
      should(incoming()).eql([]);
    });
  }

  it('the sweep deletes what no message names, and objects without a row after a day, and nothing else', async () => {
    const { database } = files.server.context;
    const [kept, old] = [
      await files.file(await jpeg(600, 20), { userId: 'P1' }),
      await files.file(await jpeg(600, 21), { userId: 'P1' }),
    ];
    await files.db
      .updateTable('files')
      .set({ unnamed_since: '2020-01-01 00:00:00.000' })
      .where('id', '=', old)
      .execute();
    const long = new Date(Date.now() - 25 * 60 * 60_000);
    const put = (key: string, modified: Date) =>
      bucket.objects.set(key, { content: Buffer.from('x'), type: '', modified });
    put(`im/files/${'a'.repeat(32)}`, long);
    put(`im/files/${'b'.repeat(32)}.thumbnail`, long);
    put(`im/files/${'c'.repeat(32)}`, new Date());
    put('im/files/of-somebody-else.txt', long);
    put(`elsewhere/${'d'.repeat(32)}`, long);
    bucket.objects.get(`im/files/${kept}`)!.modified = long;
    const swept = await new Sweep(database, files.server.context.fileStore!).runOnce();
    should(swept).containEql({ files: 1, objects: 2 });
    const keys = [...bucket.objects.keys()];
    should(keys).containDeep([
      `im/files/${kept}`,
      `im/files/${kept}.thumbnail`,
      `im/files/${'c'.repeat(32)}`,
      'im/files/of-somebody-else.txt',
      `elsewhere/${'d'.repeat(32)}`,
    ]);
    should(keys.some((key) => key.includes(old) || /[ab]{32}/.test(key))).be.false();
  });

  it('is asked nothing at the start, and may be away then', async () => {
    const away = await FileServer.start({ ...CREDENTIALS, IM_FILES: setting('http://127.0.0.1:9') });
    try {
      await away.server.users('P1');
      should((await away.upload(await jpeg(20, 20), { userId: 'P1' })).status).equal(503);
    } finally {
      await away.stop();
    }
  });

  it('goes through the proxy, but for hosts that are called straight', async () => {
    const asked: string[] = [];
    const proxy = http.createServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const target = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      for (const each of [target, socket]) each.on('error', () => undefined);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const tryWith = async (NO_PROXY: string) => {
      const through = await FileServer.start({
        ...CREDENTIALS,
        IM_FILES: setting(bucket.endpoint),
        HTTPS_PROXY,
        NO_PROXY,
      });
      await through.server.users('P1');
      should((await through.upload(await jpeg(20, 20), { userId: 'P1' })).status).equal(201);
      await through.stop();
    };
    await tryWith('127.0.0.1,other.example');
    should(asked).eql([]);
    await tryWith('other.example');
    should(asked[0]).equal(new URL(bucket.endpoint).host);
    proxy.closeAllConnections();
    proxy.close();
  });
});

describe('IM_FILES', () => {
  it('is taken apart', () => {
    should(parseFiles('off')).equal('off');
    should(parseFiles('file:data/files')).eql({ kind: 'folder', folder: 'data/files' });
    const plain = {
      kind: 's3',
      bucket: 'b-1.x',
      prefix: '',
      region: undefined,
      endpoint: undefined,
      pathStyle: false,
    };
    should(parseFiles('s3://b-1.x')).eql(plain);
    should(parseFiles('s3://b-1.x/')).eql(plain);
    should(
      parseFiles('s3://b-1.x/a/b/?region=cn-north-1&endpoint=https://oss.example.com&path_style=false'),
    ).eql({
      ...plain,
      prefix: 'a/b/',
      region: 'cn-north-1',
      endpoint: 'https://oss.example.com',
    });
  });

  for (const text of [
    '',
    'file:',
    'on',
    's3://',
    's3:///x',
    's3://b?path_style=yes',
    's3://b?endpoint=ftp://x',
    's3://b?endpoint=http://u:p@x',
    's3://b?region=',
    's3://b?color=red',
    's3://b?region=a&region=b',
    'http://b',
    path.join(os.tmpdir(), 'x'),
  ]) {
    it(`does not take ${text}`, () => {
      should(parseFiles(text)).be.undefined();
    });
  }
});
