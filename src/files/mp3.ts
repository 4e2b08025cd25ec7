import { open } from 'node:fs/promises';
import { secondsOf } from './seconds';

/** Samples a second by the frame header's two bits, for MPEG 1; MPEG 2 has half, MPEG 2.5 a quarter of it. */
const RATES = [44_100, 48_000, 32_000];
const SCAN_BYTES = 16 * 1024;

/**
 * The seconds that an MP3 file's first frame tells, where its encoder left them there (the Xing, Info or VBRI header); undefined
 * where it did not: only reading all of it would tell.
 */
export async function mp3Seconds(path: string): Promise<number | undefined> {
  const file = await open(path);
  try {
    const start = await file.read(Buffer.alloc(10), 0, 10, 0);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(SCAN_BYTES),
      0,
      SCAN_BYTES,
      tagLength(start.buffer),
    );
    return firstFrameSeconds(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Of an ID3v2 tag at the start, whose size is four times seven bits. */
function tagLength(head: Buffer): number {
  if (head.toString('latin1', 0, 3) !== 'ID3') return 0;
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6, 10);
  return 10 + (((a & 0x7f) << 21) | ((b & 0x7f) << 14) | ((c & 0x7f) << 7) | (d & 0x7f));
}

function firstFrameSeconds(bytes: Buffer): number | undefined {
  const at = bytes.findIndex((byte, index) => byte === 0xff && ((bytes[index + 1] ?? 0) & 0xe6) === 0xe2);
  if (at === -1 || at + 4 > bytes.length) return undefined;
  const version = ((bytes[at + 1] ?? 0) >> 3) & 3;
  const rate = RATES[((bytes[at + 2] ?? 0) >> 2) & 3];
  if (rate === undefined || version === 1) return undefined;
  const samplesAFrame = version === 3 ? 1152 : 576;
  const rateOfVersion = rate / (version === 3 ? 1 : version === 2 ? 2 : 4);
  const frames = framesOf(bytes.subarray(at, at + 200));
  return frames === undefined ? undefined : secondsOf(frames * samplesAFrame, rateOfVersion);
}

function framesOf(frame: Buffer): number | undefined {
  for (const name of ['Xing', 'Info']) {
    const at = frame.indexOf(name, 0, 'latin1');
    // The first flag says that the number of frames is there.
    if (at !== -1 && at + 12 <= frame.length && (frame.readUInt32BE(at + 4) & 1) === 1)
      return frame.readUInt32BE(at + 8);
  }
  const at = frame.indexOf('VBRI', 0, 'latin1');
  return at !== -1 && at + 18 <= frame.length ? frame.readUInt32BE(at + 14) : undefined;
}
