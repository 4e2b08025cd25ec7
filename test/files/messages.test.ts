import should from 'should';
import { runIn } from '../../src/db/statement';
import { filesOfRecalled } from '../../src/model/files';
import { eachDatabase } from '../support/databases';
import { amr, jpeg, mp4, pdf, webm } from './fixtures';
import { FileServer } from './upload-client';

const URL_OF = (id: string) => new RegExp(`^/api/v2/files/${id}\\?exp=\\d+&sig=[\\w-]+$`);

eachDatabase('Files in messages', (database) => {
  let files: FileServer;
  let token: string;
  const ids: Record<string, string> = {};

  before(async () => {
    files = await FileServer.start({ IM_DATABASE_URL: await database.freshUrl() });
    await files.server.users('D1', 'D2', 'P1');
    await files.server.session('s', 1, 'D1', 'P1');
    await files.server.session('other', 3, 'D1', 'D2');
    token = await files.server.token('P1');
    const made: Record<string, Buffer> = {
      large: await jpeg(600, 400),
      small: await jpeg(30, 20),
      amr,
      voice: webm(['audio'], 3),
      video: mp4('isom', ['vide'], 5),
      film: mp4('qt  ', ['vide'], 5),
      pdf,
    };
    for (const [name, content] of Object.entries(made)) ids[name] = await files.file(content, { token });
  });
  after(() => files.stop());

  function send(sender: string, session: string, type: number, content: object, more: object = {}) {
    return files.server
      .request('post', `/sessions/${session}/messages`)
      .send({ sender_id: sender, type, content, ...more });
  }
  const rowOf = async (id: number) =>
    files.db.selectFrom('muc_messages').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

  const SHOWN: Record<string, [type: number, content: () => object, shown: () => object]> = {
    'a large picture': [
      2,
      () => ({ file_id: ids.large, url: 'nonsense', width: -1, height: 'x', thumbnail: 7 }),
      () => ({ file_id: ids.large, url: 'url', thumbnail: 'thumbnail', width: 600, height: 400 }),
    ],
    'a small picture': [
      9,
      () => ({ file_id: ids.small }),
      () => ({ file_id: ids.small, url: 'url', width: 30, height: 20 }),
    ],
    'a voice': [
      3,
      () => ({ file_id: ids.amr, duration: 4 }),
      () => ({ file_id: ids.amr, duration: 4, url: 'url' }),
    ],
    'a voice in webm': [
      3,
      () => ({ file_id: ids.voice, duration: 2.5 }),
      () => ({ file_id: ids.voice, duration: 2.5, url: 'url' }),
    ],
    'a voice in mp4': [
      3,
      () => ({ file_id: ids.video, duration: 1 }),
      () => ({ file_id: ids.video, duration: 1, url: 'url' }),
    ],
    'a video with its cover': [
      12,
      () => ({ file_id: ids.film, duration: 5, cover_file_id: ids.large, cover: 'x' }),
      () => ({ file_id: ids.film, duration: 5, cover_file_id: ids.large, url: 'url', cover: 'cover' }),
    ],
    'a pdf': [
      5,
      () => ({ title: '化验单', file_id: ids.pdf }),
      () => ({ title: '化验单', file_id: ids.pdf, url: 'url' }),
    ],
  };

  /** Addresses of the right form by their bare names. */
  function bare(content: Record<string, string>): object {
    const shown: Record<string, unknown> = { ...content };
    const form = (value: string, id: string, end = '') =>
      value.endsWith(end) && URL_OF(id).test(value.slice(0, value.length - end.length));
    if (form(content.url!, content.file_id!)) shown.url = 'url';
    if (content.thumbnail && form(content.thumbnail, content.file_id!, '&size=thumbnail'))
      shown.thumbnail = 'thumbnail';
    if (content.cover && form(content.cover, content.cover_file_id!)) shown.cover = 'cover';
    return shown;
  }

  for (const [title, [type, content, shown]] of Object.entries(SHOWN)) {
    it(`${title} is shown with its addresses wherever the message is`, async () => {
      const socket = await files.server.socket('D1', 's');
      const sent = await send('P1', 's', type, content());
      should(sent.status).equal(201, sent.text);
      const expected = shown();
      should(bare(sent.body.content)).eql(expected);
      const { id } = sent.body as { id: number };
      const pushed = (await socket.next('message')) as {
        data: { message: { content: Record<string, string> } };
      };
      should(bare(pushed.data.message.content)).eql(expected);
      const synced = await socket.request('sync', { after: id - 1 });
      should(bare((synced.data as { items: { content: Record<string, string> }[] }).items[0]!.content)).eql(
        expected,
      );
      await socket.close();
      const get = (path: string) => files.server.request('get', path).expect(200);
      should(bare((await get(`/sessions/s/messages/${id}`)).body.content)).eql(expected);
      should(bare((await get('/sessions/s/messages?peek=1&limit=1')).body.items[0].content)).eql(expected);
      should(
        bare((await get('/sessions/s/messages/unread?user_id=D1&limit=200')).body.items.at(-1).content),
      ).eql(expected);
      should(bare((await get('/sessions/s/session')).body.last_content)).eql(expected);
      should(bare((await get('/sessions?user_id=P1')).body.items[0].last_content)).eql(expected);
      // Stored is what names the file, and nothing that will be old tomorrow.
      const stored = JSON.parse((await rowOf(id)).content!) as Record<string, unknown>;
      const {
        cover: _cover,
        height: _height,
        thumbnail: _thumbnail,
        url: _url,
        width: _width,
        ...named
      } = expected as Record<string, unknown>;
      should(stored).eql(named);
      const names = await files.db
        .selectFrom('message_files')
        .select('file_id')
        .where('message_id', '=', id)
        .execute();
      should(names.map(({ file_id }) => file_id).sort()).eql(
        [named.file_id, named.cover_file_id].filter((each) => each !== undefined).sort(),
      );
      // A second reader needs the address alone.
      should((await files.get(sent.body.content.url as string)).status).equal(200);
    });
  }

  const WRONG: Record<string, [type: number, content: () => object, ...paths: string[]]> = {
    'a sound as a picture': [2, () => ({ file_id: ids.amr }), 'content.file_id'],
    'a picture as a voice': [3, () => ({ file_id: ids.small, duration: 1 }), 'content.file_id'],
    'a QuickTime film as a voice': [3, () => ({ file_id: ids.film, duration: 1 }), 'content.file_id'],
    'a voice as a video': [12, () => ({ file_id: ids.voice, duration: 1 }), 'content.file_id'],
    'a sound as a cover': [
      12,
      () => ({ file_id: ids.film, duration: 1, cover_file_id: ids.amr }),
      'content.cover_file_id',
    ],
    'both wrong': [
      12,
      () => ({ file_id: ids.pdf, duration: 1, cover_file_id: ids.pdf }),
      'content.file_id',
      'content.cover_file_id',
    ],
    'a picture as a document': [5, () => ({ title: 'x', file_id: ids.small }), 'content.file_id'],
    'no duration': [3, () => ({ file_id: ids.amr }), 'content.duration'],
    'no title': [5, () => ({ file_id: ids.pdf }), 'content.title'],
    'an unknown file': [2, () => ({ file_id: '0'.repeat(32) }), 'content.file_id'],
    'no id': [2, () => ({ file_id: 7 }), 'content.file_id'],
    'a null': [2, () => ({ file_id: null, url: 'https://a.example/b' }), 'content.file_id'],
    'neither file nor url': [2, () => ({}), 'content.url'],
    "nobody's cover": [
      12,
      () => ({ file_id: ids.film, duration: 1, cover_file_id: 'x' }),
      'content.cover_file_id',
    ],
  };

  for (const [title, [type, content, ...paths]] of Object.entries(WRONG)) {
    it(`${title}: 400`, async () => {
      const answer = await send('P1', 's', type, content());
      should(answer.status).equal(400, answer.text);
      should((answer.body.errors as { path: string }[]).map(({ path }) => path)).eql(paths);
    });
  }

  it("another's file may be sent on by whoever may read a message that names it", async () => {
    const id = await files.file(await jpeg(25, 25), { token });
    const refused = await send('D1', 's', 2, { file_id: id });
    should([refused.status, refused.body.errors?.[0]?.path]).eql([400, 'content.file_id']);
    should((await send('P1', 's', 2, { file_id: id })).status).equal(201);
    should((await send('D2', 'other', 2, { file_id: id })).status).equal(400);
    should((await send('D1', 'other', 2, { file_id: id })).status).equal(201);
    should((await send('D2', 'other', 2, { file_id: id })).status).equal(201);
  });

  it('a forward shows the file in its copy, also one that lies in another', async () => {
    const id = await files.file(await jpeg(500, 100), { token });
    const first = await send('P1', 's', 2, { file_id: id });
    const forward = await send('D1', 'other', 8, { session_id: 's', message_id: first.body.id });
    should(forward.status).equal(201, forward.text);
    const shown = { file_id: id, url: 'url', thumbnail: 'thumbnail', width: 500, height: 100 };
    should(bare(forward.body.content.message.content)).eql(shown);
    const again = await send('D2', 'other', 8, { session_id: 'other', message_id: forward.body.id });
    should(bare(again.body.content.message.content.message.content)).eql(shown);
    const { content } = await files.db
      .selectFrom('group_messages')
      .select('content')
      .where('id', '=', again.body.id as number)
      .executeTakeFirstOrThrow();
    should(content).not.containEql('sig=');
    // The copy keeps the file when the first message is taken back.
    const { database: db } = files.server.context;
    await db.transaction((trx) =>
      filesOfRecalled(runIn(trx, db.dialect), db.dialect, 's', first.body.id as number),
    );
    should((await files.get(forward.body.content.message.content.url as string)).status).equal(200);
  });

  it('a repeat is answered with the message, whatever became of its file', async () => {
    const id = await files.file(await jpeg(26, 26), { token });
    const more = { client_msg_id: 'the-same' };
    const first = await send('P1', 's', 2, { file_id: id }, more);
    should(first.status).equal(201);
    const { database: db } = files.server.context;
    await db.transaction((trx) =>
      filesOfRecalled(runIn(trx, db.dialect), db.dialect, 's', first.body.id as number),
    );
    const again = await send('P1', 's', 2, { file_id: id }, more);
    should([again.status, again.body.id]).eql([200, first.body.id]);
  });

  it('a topic may start with a picture, under the same rules', async () => {
    const body = (file: string) => ({
      session_id: 's',
      name: '皮疹',
      messages: [
        { sender_id: 'P1', type: 1, content: '您好' },
        { sender_id: 'P1', type: 2, content: { file_id: file } },
      ],
    });
    const wrong = await files.server.request('post', '/sessions/t1/topics').send(body(ids.amr!));
    should([wrong.status, wrong.body.errors?.[0]?.path]).eql([400, 'messages.1.content.file_id']);
    await files.server.request('post', '/sessions/t1/topics').send(body(ids.large!)).expect(201);
    const page = await files.server.request('get', '/sessions/topic/t1/messages').expect(200);
    should(bare(page.body.items[2].content)).have.properties({ url: 'url', thumbnail: 'thumbnail' });
  });

  it("the platform sends its own files as nobody, and others' that were sent", async () => {
    await files.server.session('news', 0, 'P1');
    const own = await files.file(await jpeg(27, 27), { userId: 'system' });
    const others = await files.file(await jpeg(28, 28), { token });
    const post = (id: string) =>
      files.server.request('post', '/sessions/news/messages').send({ type: 2, content: { file_id: id } });
    should((await post(own)).status).equal(201);
    should((await post(others)).status).equal(400);
  });

  it('twenty sends of one file at once all name it', async () => {
    const id = await files.file(await jpeg(29, 29), { token });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('P1', 's', 2, { file_id: id })));
    should(answers.map(({ status }) => status)).eql(answers.map(() => 201));
    const names = await files.db.selectFrom('message_files').selectAll().where('file_id', '=', id).execute();
    should(names.map(({ message_id }) => message_id).sort()).eql(
      answers.map(({ body }) => body.id as number).sort(),
    );
  });
});

describe('The addresses of files', () => {
  it('begin with IM_FILES_BASE_URL where it is set', async () => {
    const files = await FileServer.start({ IM_FILES_BASE_URL: 'https://im.example.com/app/' });
    try {
      await files.server.users('P1');
      const { body } = await files.upload(await jpeg(600, 20), { userId: 'P1' });
      should(body.url).startWith(`https://im.example.com/app/api/v2/files/${body.id as string}?exp=`);
      should(body.thumbnail).equal(`${body.url as string}&size=thumbnail`);
    } finally {
      await files.stop();
    }
  });
});
