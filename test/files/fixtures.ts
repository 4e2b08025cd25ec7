import sharp from 'sharp';

/** Small files of every kind that is taken, and of kinds that are not, made here. */

const RED = { r: 200, g: 30, b: 30 };

export async function jpeg(width = 600, height = 400): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: RED } })
    .jpeg()
    .toBuffer();
}

export async function png(width = 60, height = 40, alpha = 1): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 4, background: { ...RED, alpha } } })
    .png()
    .toBuffer();
}

/** @param frames of different colours */
export async function animated(
  format: 'gif' | 'webp',
  frames: number,
  width = 60,
  height = 40,
): Promise<Buffer> {
  const pages = await Promise.all(
    Array.from({ length: frames }, (_, index) =>
      sharp({
        create: { width, height, channels: 3, background: { r: (40 * index) % 256, g: 4 * index, b: 0 } },
      })
        .png()
        .toBuffer(),
    ),
  );
  const joined = sharp(pages, { join: { animated: true } });
  const delay = pages.map(() => 120);
  return (format === 'gif' ? joined.gif({ delay }) : joined.webp({ delay })).toBuffer();
}

/** A phone's photo: 6 says "turn it by 90°", and there is a place, a maker, an XMP packet, and a tail behind the end. */
export async function photo(width: number, height: number): Promise<Buffer> {
  const picture = await sharp({ create: { width, height, channels: 3, background: RED } })
    .withExif({
      IFD0: { Make: 'SecretMaker', ImageDescription: 'SecretDescription' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '24/1 28/1 47/1',
        GPSLongitudeRef: 'E',
        GPSLongitude: '118/1 5/1 6/1',
      },
    })
    .withMetadata({ orientation: 6 })
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><secret>SecretXmp</secret></x:xmpmeta>')
    .jpeg()
    .toBuffer();
  const comment = Buffer.from('SecretComment');
  const segment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, comment.length + 2]), comment]);
  return Buffer.concat([picture.subarray(0, 2), segment, picture.subarray(2), Buffer.from('SecretTail')]);
}

/** A gif of 1,000 by 900 pixels with frames that change one of them: small, and large when it is decoded. */
export function manyFrames(frames: number): Buffer {
  const frame = Buffer.from('2c0000000001000100000202440100', 'hex');
  return Buffer.concat([
    Buffer.from('474946383961e8038403800000ff00000000ff', 'hex'),
    ...Array.from({ length: frames }, () => frame),
    Buffer.from('3b', 'hex'),
  ]);
}

function box(type: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

function track(handler: string): Buffer {
  return box('trak', box('mdia', box('hdlr', Buffer.alloc(8), Buffer.from(handler), Buffer.alloc(12))));
}

/** @param seconds 0: unknown, as in what is recorded in pieces */
export function mp4(brand: string, handlers: readonly string[], seconds: number): Buffer {
  const header = Buffer.alloc(100);
  header.writeUInt32BE(1000, 12);
  header.writeUInt32BE(seconds * 1000, 16);
  return movie(brand, box('mvhd', header), ...handlers.map(track));
}

/** A sound whose durations are in ms: of all of it (`mvhd`), and of its pieces (`mehd`), in 32 bits or in 64. */
export function inPieces(whole: bigint, pieces: bigint, bits: 32 | 64): Buffer {
  const [header, extends_] = [Buffer.alloc(112), Buffer.alloc(12)];
  if (bits === 64) {
    header[0] = extends_[0] = 1;
    header.writeUInt32BE(1000, 20);
    header.writeBigUInt64BE(whole, 24);
    extends_.writeBigUInt64BE(pieces, 4);
  } else {
    header.writeUInt32BE(1000, 12);
    header.writeUInt32BE(Number(whole), 16);
    extends_.writeUInt32BE(Number(pieces), 4);
  }
  return movie('isom', box('mvhd', header), track('soun'), box('mvex', box('mehd', extends_)));
}

function movie(brand: string, ...boxes: Buffer[]): Buffer {
  return Buffer.concat([
    box('ftyp', Buffer.from(brand.padEnd(4)), Buffer.alloc(4), Buffer.from('isom')),
    // The media comes first, as phones write it.
    box('mdat', Buffer.alloc(5000, 7)),
    box('moov', ...boxes),
  ]);
}

function element(id: number[], content: Buffer): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length));
  size[0] = 0x01;
  return Buffer.concat([Buffer.from(id), size, content]);
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

/** @param seconds undefined: not told, as in what a browser records */
export function webm(types: readonly ('video' | 'audio')[], seconds?: number): Buffer {
  const info = [element([0x2a, 0xd7, 0xb1], Buffer.from([0x0f, 0x42, 0x40]))];
  if (seconds !== undefined) info.push(element([0x44, 0x89], float(seconds * 1000)));
  const tracks = types.map((type) =>
    element([0xae], element([0x83], Buffer.from([type === 'video' ? 1 : 2]))),
  );
  const segment = Buffer.concat([
    element([0x15, 0x49, 0xa9, 0x66], Buffer.concat(info)),
    element([0x16, 0x54, 0xae, 0x6b], Buffer.concat(tracks)),
    element([0x1f, 0x43, 0xb6, 0x75], Buffer.alloc(3000, 1)),
  ]);
  return Buffer.concat([
    element([0x1a, 0x45, 0xdf, 0xa3], element([0x42, 0x82], Buffer.from('webm'))),
    // Of unknown size, as while recording.
    Buffer.from([0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    segment,
  ]);
}

/** Frames of MPEG 1, layer III, 128 kbit/s, 44.1 kHz. @param frames told in a Xing header; undefined: none */
export function mp3(frames?: number): Buffer {
  const frame = Buffer.alloc(417);
  frame.writeUInt32BE(0xfffb9000, 0);
  const first = Buffer.from(frame);
  if (frames !== undefined) {
    first.write('Xing', 36, 'latin1');
    first.writeUInt32BE(1, 40);
    first.writeUInt32BE(frames, 44);
  }
  return Buffer.concat([first, ...Array.from({ length: 20 }, () => frame)]);
}

export const amr = Buffer.concat([Buffer.from('#!AMR\n'), Buffer.alloc(320, 0x3c)]);
/** With a script that a reader of PDFs would run. */
export const pdf = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n',
);
export const svg = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg"><script>window.ran=1;parent.ran=1</script></svg>',
);
export const html = Buffer.from('<!doctype html><script>window.ran=1;parent.ran=1</script>');
export const wav = Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVEfmt '), Buffer.alloc(64)]);
export const heic = box('ftyp', Buffer.from('heic'), Buffer.alloc(4), Buffer.from('heicmif1'));
