import should from 'should';
import { jpeg } from '../files/fixtures';
import { requireOrSkip } from '../support/databases';
import { until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { SESSION, Stage } from './support/stage';

type Data = Record<string, unknown>;

describe('SDK: files', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage<RealServer>;
  let photo: string;

  before(async () => {
    photo = (await jpeg(640, 480)).toString('base64');
  });
  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  /** Script that has `photo`, a File. */
  const make = (name = '皮疹.jpg') =>
    `var bytes = Uint8Array.from(atob('${photo}'), function (c) { return c.charCodeAt(0); });
     var photo = new File([bytes], '${name}');`;

  it('a photo is uploaded with its progress, sent, and shown to the doctor by an absolute address', async () => {
    const [patient, doctor] = [await stage.patient(), await stage.doctor()];
    await Promise.all([patient.connect(), doctor.connect()]);
    const { file, progress } = await patient.run<{ file: Data; progress: [number, number][] }>(
      `${make()} var progress = [];
       client.upload(photo, { onProgress: function (loaded, total) { progress.push([loaded, total]); } })
         .then(function (file) { return { file: file, progress: progress }; });`,
    );
    const size = Buffer.from(photo, 'base64').length;
    should(progress.at(-1)).eql([size, size]);
    should(file).containEql({ name: '皮疹.jpg', mime: 'image/jpeg', width: 640, height: 480 });
    const begin = `${stage.proxy.url}/api/v2/files/${String(file.id)}?exp=`;
    should(file.url).startWith(begin);
    await patient.send({ type: 2, content: { file_id: file.id } });
    const [own] = await patient.answered();
    should((own!.value as { content: Data }).content.url).startWith(begin);
    await until('the doctor has it', async () => (await doctor.events('message')).length === 1);
    const { content } = (await doctor.events('message'))[0]!.message as { content: Data };
    should(content).containEql({ file_id: file.id, width: 640, height: 480 });
    should(content.url).startWith(begin);
    should(content.thumbnail).startWith(begin).and.endWith('&size=thumbnail');
    // A page of another origin can show it.
    should((await fetch(content.url as string)).status).equal(200);
    for (const messages of [await doctor.call('sessions.messages', SESSION), await patient.call('history')])
      should((messages as { items: { content: Data }[] }).items[0]!.content.url).startWith(begin);
    const sessions = (await doctor.call('sessions.list')) as { items: { last_content: Data }[] };
    should(sessions.items[0]!.last_content.thumbnail).startWith(begin);
  });

  it('what can not be sent is refused by the promise', async () => {
    const page = await stage.patient();
    const codes = await page.run<string[]>(
      `${make()}
       var other = new IMClient({ baseUrl: client.baseUrl, token: '登录', userId: 'P1', userType: 'patient' });
       var codeOf = function (promise) {
         return promise.then(function () { return 'done'; }, function (error) { return $.Deferred().resolve(error.code); });
       };
       $.when(codeOf(other.upload(photo)), codeOf(client.upload({ size: 3 })), codeOf(client.upload(null)))
         .then(function () { return [].slice.call(arguments); });`,
    );
    should(codes).eql(['unavailable', 'unavailable', 'validation_failed']);
  });

  it('a message that names a file is sent again over drops, without a second upload', async () => {
    const page = await stage.patient();
    await page.connect();
    const file = await page.run<Data>(`${make()} client.upload(photo);`);
    stage.proxy.on('client', 'message', 'cut');
    await page.send({ type: 2, content: { file_id: file.id } });
    const [own] = await page.answered();
    should(own).containDeep({ state: 'stored', value: { content: { file_id: file.id } } });
    const names = await stage.server.server.context.database.kysely
      .selectFrom('message_files')
      .selectAll()
      .execute();
    should(names.length).equal(1);
  });

  it('what is refused, broken off or no file rejects with code, status and detail', async () => {
    const page = await stage.patient();
    const failed = (script: string) =>
      page.run<Data>(
        `${make()} var upload = (${script});
         new Promise(function (resolve) { upload.then(function () { resolve({}); }, resolve); });`,
      );
    should(await failed(`client.upload(new Blob(['<svg/>'], { type: 'image/jpeg' }))`)).containEql({
      code: 'unsupported_media_type',
      status: 415,
    });
    should(await failed('client.upload(null)')).containEql({ code: 'validation_failed', status: 400 });
    should(await failed('(function () { var u = client.upload(photo); u.abort(); return u; })()')).containEql(
      { code: 'aborted', status: 0 },
    );
    await stage.server.stop();
    const away = await failed('client.upload(photo)');
    should(away).containEql({ code: 'unavailable' });
    should(away.detail).be.a.String();
  });

  it('what was recorded has no name; the server finds one', async () => {
    const page = await stage.patient();
    const file = await page.run<Data>(`${make()} client.upload(new Blob([bytes]));`);
    should(file.name).equal('file.jpg');
  });
});
