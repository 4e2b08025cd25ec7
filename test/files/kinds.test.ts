import should from 'should';
import { amr, animated, heic, html, inPieces, jpeg, mp3, mp4, pdf, png, svg, wav, webm } from './fixtures';
import { FileServer } from './upload-client';

/** All bits set: a duration that nobody knows. */
const UNKNOWN_32 = 0xffffffffn;
const UNKNOWN_64 = 0xffffffffffffffffn;

interface Expected {
  mime: string;
  duration?: number;
}

const TAKEN: Record<string, [file: () => Promise<Buffer> | Buffer, expected: Expected]> = {
  'a jpeg': [jpeg, { mime: 'image/jpeg' }],
  'a png': [png, { mime: 'image/png' }],
  'a gif': [() => animated('gif', 2), { mime: 'image/gif' }],
  'a webp': [() => animated('webp', 2), { mime: 'image/webp' }],
  'a video of a phone': [() => mp4('isom', ['vide', 'soun'], 12), { mime: 'video/mp4', duration: 12 }],
  'an m4v': [() => mp4('M4V ', ['vide'], 1.5), { mime: 'video/mp4', duration: 1.5 }],
  'an mp4 without video': [() => mp4('mp42', ['soun'], 7), { mime: 'audio/mp4', duration: 7 }],
  'an mp4 recorded in pieces': [() => mp4('isom', ['soun'], 0), { mime: 'audio/mp4' }],
  'an mp4 of an unknown duration': [() => inPieces(UNKNOWN_32, 0n, 32), { mime: 'audio/mp4' }],
  'an mp4 of an unknown duration, 64 bits': [() => inPieces(UNKNOWN_64, 0n, 64), { mime: 'audio/mp4' }],
  'an mp4 in pieces of unknown duration': [() => inPieces(0n, UNKNOWN_32, 32), { mime: 'audio/mp4' }],
  'an mp4 in pieces of unknown duration, 64 bits': [
    () => inPieces(0n, UNKNOWN_64, 64),
    { mime: 'audio/mp4' },
  ],
  'an mp4 whose pieces alone tell the duration': [
    () => inPieces(UNKNOWN_32, 5_250n, 32),
    { mime: 'audio/mp4', duration: 5.25 },
  ],
  'an mp4 whose pieces alone tell the duration, 64 bits': [
    () => inPieces(UNKNOWN_64, 5_250n, 64),
    { mime: 'audio/mp4', duration: 5.25 },
  ],
  'an m4a': [() => mp4('M4A ', ['soun'], 3.25), { mime: 'audio/mp4', duration: 3.25 }],
  'a QuickTime film': [() => mp4('qt  ', ['vide'], 4), { mime: 'video/quicktime', duration: 4 }],
  'a webm with video': [() => webm(['video', 'audio'], 9), { mime: 'video/webm', duration: 9 }],
  'a voice that a browser recorded': [() => webm(['audio']), { mime: 'audio/webm' }],
  'an mp3': [() => mp3(), { mime: 'audio/mpeg' }],
  'an mp3 that tells its length': [() => mp3(1000), { mime: 'audio/mpeg', duration: 26.122 }],
  'an amr': [() => amr, { mime: 'audio/amr' }],
  'a pdf': [() => pdf, { mime: 'application/pdf' }],
};

const REFUSED: Record<string, Buffer> = {
  'an svg': svg,
  'a page': html,
  'a text': Buffer.from('just text'),
  'a wav': wav,
  'a heic': heic,
  'a zip': Buffer.from('504b0304140000000000', 'hex'),
  'a program': Buffer.from('7f454c4602010100', 'hex'),
  'an avi': Buffer.from('RIFF\0\0\0\0AVI LIST'),
  'a matroska file': Buffer.from('1a45dfa3934282886d6174726f736b61', 'hex'),
};

describe('Kinds of files', () => {
  let files: FileServer;
  before(async () => {
    files = await FileServer.start();
    await files.server.users('D1');
  });
  after(() => files.stop());

  for (const [title, [make, expected]] of Object.entries(TAKEN)) {
    it(`${title} is ${expected.mime}, whatever it is called`, async () => {
      const content = await make();
      const answer = await files.upload(content, { userId: 'D1', name: 'page.html', type: 'text/html' });
      should(answer.status).equal(201, JSON.stringify(answer.body));
      const { duration, mime, name, size } = answer.body as Record<string, unknown>;
      should({ mime, ...(duration === undefined ? {} : { duration }) }).eql(expected);
      should(name).equal('page.html');
      const kept = await files.get(answer.body.url as string);
      should([kept.status, kept.headers['content-type'], kept.bytes.length]).eql([200, mime, size]);
      // Sound, video and documents stay as they were.
      if (!String(mime).startsWith('image/')) should(kept.bytes.equals(content)).be.true();
    });
  }

  for (const [title, content] of Object.entries(REFUSED)) {
    it(`${title} is refused: 415`, async () => {
      const answer = await files.upload(content, { userId: 'D1', name: 'a.jpg', type: 'image/jpeg' });
      should([answer.status, answer.body.code]).eql([415, 'unsupported_media_type']);
    });
  }

  it('nothing of what was refused stays', async () => {
    should(files.stored().filter((name) => name.startsWith('incoming'))).eql([]);
    const rows = await files.db.selectFrom('files').selectAll().execute();
    const names = rows.flatMap(({ id, thumbnail_size }) =>
      thumbnail_size === null ? [id] : [id, `${id}.thumbnail`],
    );
    should(
      files
        .stored()
        .map((name) => name.split('/').at(-1))
        .sort(),
    ).eql(names.sort());
  });
});
