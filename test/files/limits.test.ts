import { IncomingMessage } from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import should from 'should';
import { receiveUpload } from '../../src/controllers/rest/multipart';
import { APP_KEY } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { amr, jpeg } from './fixtures';
import { END, FileServer, part, request, sendParts, asBackend } from './upload-client';

const MAX = 4096;

describe('Limits of uploads', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start({ IM_FILE_MAX_BYTES: String(MAX) });
    await files.server.users('P1', 'P2', 'P3');
  });
  after(() => files.stop());

  const sound = (bytes: number) => Buffer.concat([amr, Buffer.alloc(bytes - amr.length, 0x3c)]);
  const user = (id = 'P1') => part('name="user_id"', id);
  const file = (content: Buffer = amr) => part('name="file"; filename="a.amr"', content);
  const send = (...parts: Buffer[]) => sendParts(files.server.url, parts);

  it('as many bytes as allowed, and not one more; then the connection closes', async () => {
    should((await send(user(), file(sound(MAX)), END)).status).equal(201);
    const { body, headers, status } = await send(user(), file(sound(MAX + 1)), END);
    should([status, body.code, headers.connection]).eql([413, 'payload_too_large', 'close']);
  });

  it('a body that says that it is much too long is refused before it comes', async () => {
    const socket = net.connect(files.server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST /api/v2/files HTTP/1.1\r\nHost: a\r\nX-IM-App-Key: ${APP_KEY}\r\nContent-Type: multipart/form-data; boundary=x\r\n` +
        `Content-Length: ${MAX + 65_537}\r\n\r\n`,
    );
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    await once(socket, 'close');
    should(answer)
      .startWith('HTTP/1.1 413 ')
      .and.match(/"code":"payload_too_large"/);
  });

  it('a client that ends its side after the refusal gets no second answer', async () => {
    const socket = net.connect(files.server.port, '127.0.0.1');
    socket.write(
      `POST /api/v2/files HTTP/1.1\r\nHost: a\r\nX-IM-App-Key: ${APP_KEY}\r\nContent-Type: multipart/form-data; boundary=x\r\n` +
        'Content-Length: 50000000\r\n\r\n',
    );
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('data', () => socket.end());
    await once(socket, 'close');
    should(answer.match(/HTTP\/1\.1 \d+/g)).eql(['HTTP/1.1 413']);
  });

  it('a body that goes on for ever is refused at the first byte too many', async () => {
    const socket = net.connect(files.server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.write(
      `POST /api/v2/files HTTP/1.1\r\nHost: a\r\nX-IM-App-Key: ${APP_KEY}\r\nContent-Type: multipart/form-data; boundary=x\r\n` +
        'Transfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = (content: Buffer | string) =>
      `${Buffer.byteLength(content).toString(16)}\r\n${content.toString()}\r\n`;
    socket.write(chunk('--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n'));
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const more = setInterval(() => socket.write(chunk('z'.repeat(8_192))), 5);
    await once(socket, 'close');
    clearInterval(more);
    should(answer).startWith('HTTP/1.1 413 ');
  });

  it('the answer is read by a client that is still sending', async () => {
    const { status } = await send(user(), file(Buffer.alloc(5_000_000)), END);
    should(status).equal(413);
  });

  const FAULTY: [title: string, parts: () => Buffer[], ...paths: string[]][] = [
    ['no file', () => [user(), END], 'file'],
    ['two files', () => [user(), file(), file(), END], 'file'],
    ['an empty file', () => [user(), file(Buffer.alloc(0)), END], 'file'],
    ['two users', () => [user(), user('P2'), file(), END], 'user_id'],
    ['a body that ends early', () => [user(), file()], 'file'],
    ['no part at all', () => [END], 'file', 'user_id'],
    ['an empty file of nobody', () => [file(Buffer.alloc(0)), END], 'file', 'user_id'],
    ['a file of nobody', () => [file(), END], 'user_id'],
    ['nothing', () => [Buffer.alloc(0)], 'file'],
    ['no multipart in it', () => [Buffer.from('{"a":1}')], 'file'],
  ];
  for (const [title, parts, ...paths] of FAULTY) {
    it(`${title}: 400 on ${paths.join()}`, async () => {
      const { body, status } = await send(...parts());
      should([status, body.code]).eql([400, 'validation_failed']);
      should((body.errors as { path: string }[]).map((fault) => fault.path)).eql(paths);
    });
  }

  it('no boundary: 400; another kind of body: 415; with an encoding: 415', async () => {
    const post = (headers: Record<string, string>) =>
      request(`${files.server.url}/api/v2/files`, 'POST', { ...asBackend, ...headers }, Buffer.from('x'));
    const { body, status } = await post({ 'Content-Type': 'multipart/form-data' });
    should([status, body.errors?.[0]?.path]).eql([400, 'file']);
    for (const type of [
      'application/json',
      'image/jpeg',
      'multipart/mixed; boundary=x',
      'multipart/form-datax; boundary=x',
    ])
      should((await post({ 'Content-Type': type })).status).equal(415, type);
    should(
      (await post({ 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Encoding': 'gzip' })).status,
    ).equal(415);
    should((await post({})).status).equal(415);
  });

  it('other parts are ignored, in any order', async () => {
    const other = part('name="other"; filename="b"', 'x'.repeat(5_000));
    should((await send(other, file(), other, user(), other, END)).status).equal(201);
  });

  it('a client that stops half-way leaves nothing', async () => {
    const socket = net.connect(files.server.port, '127.0.0.1');
    await once(socket, 'connect');
    const head = Buffer.concat([part('name="file"; filename="a"', sound(2_000)).subarray(0, 1_500)]);
    socket.write(
      `POST /api/v2/files HTTP/1.1\r\nHost: a\r\nX-IM-App-Key: ${APP_KEY}\r\nContent-Type: multipart/form-data; boundary=boundary-of-the-tests\r\n` +
        `Content-Length: 3000\r\n\r\n`,
    );
    socket.write(head);
    const incoming = () => files.stored().filter((name) => name.startsWith('incoming'));
    await waitUntil(
      () => incoming().length === 1,
      20_000,
      () => 'nothing comes in',
    );
    socket.destroy();
    await waitUntil(
      () => incoming().length === 0,
      20_000,
      () => `left: ${incoming().join()}`,
    );
  });

  for (const [title, complete] of [
    ['half of its body', false],
    ['all of its body', true],
  ] as const) {
    it(`a client that sends ${title} and goes before that is looked at leaves nothing, and is not waited for`, async () => {
      const message = new IncomingMessage(new net.Socket());
      message.headers['content-type'] = 'multipart/form-data; boundary=boundary-of-the-tests';
      const whole = Buffer.concat([file(), END]);
      message.push(complete ? whole : whole.subarray(0, whole.length / 2));
      message.complete = complete;
      message.destroy();
      await once(message, 'close');
      const since = performance.now();
      const { incoming: folder } = files.server.context.fileStore!;
      await should(receiveUpload(message, folder, 1_000_000, false)).be.rejectedWith({
        code: 'validation_failed',
      });
      (performance.now() - since).should.be.below(5_000);
      should(files.stored().filter((name) => name.startsWith('incoming'))).eql([]);
    });
  }

  it('a hundred files of one user that no message names, also when they come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 110 }, () => send(user('P2'), file(), END)));
    const taken = answers.filter(({ status }) => status === 201);
    should(taken.length).equal(100);
    for (const { body, headers, status } of answers.filter((answer) => answer.status !== 201)) {
      should([status, body.code]).eql([429, 'rate_limited']);
      should(Number(headers['retry-after'])).be.above(0);
    }
    await files.server.session('s', 1, 'P2');
    await files.server
      .request('post', '/sessions/s/messages')
      .send({ sender_id: 'P2', type: 3, content: { file_id: taken[0]!.body.id as string, duration: 1 } })
      .expect(201);
    should((await send(user('P2'), file(), END)).status).equal(201);
    should((await send(user('P2'), file(), END)).status).equal(429);
  });

  it('500 MiB of them', async () => {
    const id = await files.file(await jpeg(10, 10), { userId: 'P3' });
    const set = (size: number) => files.db.updateTable('files').set({ size }).where('id', '=', id).execute();
    await set(500 * 1024 * 1024 - amr.length);
    const second = await send(user('P3'), file(), END);
    should(second.status).equal(201);
    should((await send(user('P3'), file(), END)).status).equal(429);
  });

  it('the metrics count what is kept', async () => {
    const { bytes } = await request(`${files.server.url}/metrics`, 'GET', asBackend);
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(bytes.toString())?.[1]);
    const rows = await files.db.selectFrom('files').selectAll().execute();
    should(value('im_files_total')).equal(rows.length);
    should(value('im_file_bytes_total')).be.above(0);
  });
});
