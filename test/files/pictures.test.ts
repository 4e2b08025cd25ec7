import sharp from 'sharp';
import should from 'should';
import { animated, html, jpeg, manyFrames, photo, png } from './fixtures';
import { FileServer } from './upload-client';

const SECRETS = ['Secret', 'Exif', 'http://ns.adobe.com', 'GPS', 'xmpmeta'];

describe('Pictures', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start();
    await files.server.users('P1');
  });
  after(() => files.stop());

  const upload = (content: Buffer) => files.upload(content, { userId: 'P1' });
  /** @throws when it was not taken */
  async function kept(content: Buffer) {
    const { body, status } = await upload(content);
    should(status).equal(201, JSON.stringify(body));
    const picture = await files.get(body.url as string);
    const thumbnail = body.thumbnail === undefined ? undefined : await files.get(body.thumbnail as string);
    return { body, picture, thumbnail };
  }

  it('a photo of 20 megapixels is turned upright, and its place and all else that is not the picture goes', async () => {
    const original = await photo(5184, 3888);
    for (const secret of ['SecretMaker', 'SecretXmp', 'SecretComment', 'SecretTail'])
      should(original.includes(secret)).be.true(secret);
    const { body, picture, thumbnail } = await kept(original);
    should([body.mime, body.width, body.height]).eql(['image/jpeg', 3888, 5184]);
    should(body.size).equal(picture.bytes.length);
    const made = await sharp(picture.bytes).metadata();
    should([made.format, made.width, made.height, made.orientation, made.exif, made.xmp]).eql([
      'jpeg',
      3888,
      5184,
      undefined,
      undefined,
      undefined,
    ]);
    const small = await sharp(thumbnail!.bytes).metadata();
    should([small.format, small.width, small.height]).eql(['jpeg', 360, 480]);
    for (const { bytes } of [picture, thumbnail!])
      for (const secret of SECRETS) should(bytes.includes(secret)).be.false(secret);
  });

  it('metadata of a png and a webp go, too', async () => {
    const marked = () =>
      sharp({ create: { width: 20, height: 20, channels: 3, background: 'red' } }).withExif({
        IFD0: { ImageDescription: 'SecretDescription' },
      });
    for (const content of [await marked().png().toBuffer(), await marked().webp().toBuffer()]) {
      should(content.includes('SecretDescription')).be.true();
      const { picture } = await kept(Buffer.concat([content, Buffer.from('SecretTail')]));
      for (const secret of SECRETS) should(picture.bytes.includes(secret)).be.false(secret);
    }
  });

  it('what stands behind a jpeg goes: it is no page', async () => {
    const { picture } = await kept(Buffer.concat([await jpeg(), html]));
    should(picture.bytes.includes('script')).be.false();
  });

  for (const format of ['gif', 'webp'] as const) {
    it(`a ${format} stays animated, with its first frame as the thumbnail`, async () => {
      const { body, picture, thumbnail } = await kept(await animated(format, 4, 600, 300));
      should([body.mime, body.width, body.height]).eql([`image/${format}`, 600, 300]);
      const made = await sharp(picture.bytes).metadata();
      should([made.pages, made.delay]).eql([4, [120, 120, 120, 120]]);
      const small = await sharp(thumbnail!.bytes).metadata();
      should([small.format, small.width, small.height, small.pages]).eql(['jpeg', 480, 240, undefined]);
    });
  }

  it('a thumbnail is a png where the picture is transparent; a small picture has none', async () => {
    should((await kept(await png(700, 500, 0.4))).thumbnail!.headers['content-type']).equal('image/png');
    should((await kept(await png(700, 500, 1))).thumbnail!.headers['content-type']).equal('image/jpeg');
    const { body } = await kept(await png(480, 480));
    should(body).not.have.property('thumbnail');
    // It gives itself.
    const itself = await files.get(`${body.url as string}&size=thumbnail`);
    should([itself.status, itself.bytes.length]).eql([200, body.size]);
  });

  it('50 million pixels are taken, one row more is not; nor are they in many frames', async () => {
    should((await upload(await jpeg(10_000, 5_000))).status).equal(201);
    for (const content of [await jpeg(10_000, 5_001), manyFrames(60)]) {
      const { body, status } = await upload(content);
      should([status, body.errors?.[0]?.path]).eql([400, 'file']);
    }
  });

  it('what can not be decoded is refused', async () => {
    const whole = await png(300, 300);
    const broken = [
      (await jpeg()).subarray(0, 400),
      Buffer.concat([whole.subarray(0, 60), Buffer.alloc(300, 0x55)]),
      Buffer.from('GIF89a\x01\x00'),
    ];
    for (const content of broken) {
      const { body, status } = await upload(content);
      should([status, body.errors?.[0]?.path]).eql([400, 'file'], JSON.stringify(body));
    }
  });

  it('ten at once are all taken, one after the other', async () => {
    const content = await jpeg(1_500, 1_500);
    const answers = await Promise.all(Array.from({ length: 10 }, () => upload(content)));
    should(answers.map(({ status }) => status)).eql(answers.map(() => 201));
  });

  it('nothing but the files and their thumbnails is left', () => {
    should(files.stored().filter((name) => name.startsWith('incoming'))).eql([]);
  });
});

describe('Pictures without sharp', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start({}, { pictures: null });
    await files.server.users('P1');
  });
  after(() => files.stop());

  it('are refused: 415; sounds are not', async () => {
    const { body, status } = await files.upload(await jpeg(), { userId: 'P1' });
    should([status, body.code]).eql([415, 'unsupported_media_type']);
    should(
      (await files.upload(Buffer.concat([Buffer.from('#!AMR\n'), Buffer.alloc(99, 60)]), { userId: 'P1' }))
        .status,
    ).equal(201);
  });
});
