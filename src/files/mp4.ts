import { type FileHandle, open } from 'node:fs/promises';
import { secondsOf } from './seconds';

/** What the header of an MP4 or QuickTime file tells (ISO/IEC 14496-12). */
export interface Mp4 {
  /** Seconds; undefined where the header has none, as in what is recorded in pieces. */
  duration: number | undefined;
  /** Handlers of its tracks: `vide`, `soun`, and others. */
  tracks: ReadonlySet<string>;
}

interface Box {
  type: string;
  /** Where its content begins and ends in the file. */
  start: number;
  end: number;
}

/** A file made to keep us busy has no more than these. */
const MAX_BOXES = 2_000;
/** What lies in what, as far as it is of use. */
const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'mvex']);

/** Reads the boxes that tell, by their places: never the media itself. */
export async function readMp4(path: string): Promise<Mp4> {
  const file = await open(path);
  try {
    const tracks = new Set<string>();
    let duration: number | undefined;
    let fragments: number | undefined;
    let timescale = 0;
    for await (const box of boxesIn(file, 0, (await file.stat()).size, { left: MAX_BOXES })) {
      const content = await bytesAt(file, box.start, Math.min(box.end - box.start, 36));
      if (box.type === 'hdlr' && content.length >= 12) tracks.add(content.toString('latin1', 8, 12));
      if (box.type === 'mvhd') {
        const wide = content[0] === 1;
        if (content.length < (wide ? 32 : 20)) continue;
        timescale = content.readUInt32BE(wide ? 20 : 12);
        duration = durationAt(content, wide ? 24 : 16, wide);
      }
      if (box.type === 'mehd') {
        const wide = content[0] === 1;
        if (content.length >= (wide ? 12 : 8)) fragments = durationAt(content, 4, wide);
      }
    }
    return { duration: secondsOf((duration ?? 0) || (fragments ?? 0), timescale), tracks };
  } finally {
    await file.close();
  }
}

/** A duration of 32 or, `wide`, 64 bits. All bits set mean unknown: 0. */
function durationAt(content: Buffer, at: number, wide: boolean): number {
  const duration = wide ? content.readBigUInt64BE(at) : content.readUInt32BE(at);
  const unknown = wide ? 0xffffffffffffffffn : 0xffffffff;
  return duration === unknown ? 0 : Number(duration);
}

async function* boxesIn(
  file: FileHandle,
  start: number,
  end: number,
  budget: { left: number },
): AsyncGenerator<Box> {
  for (let at = start; at + 8 <= end;) {
    if (budget.left-- <= 0) return;
    const head = await bytesAt(file, at, 16);
    if (head.length < 8) return;
    const short = head.readUInt32BE(0);
    const isLong = short === 1 && head.length === 16;
    // 0: up to the end.
    const size = short === 0 ? end - at : isLong ? Number(head.readBigUInt64BE(8)) : short;
    const content = at + (isLong ? 16 : 8);
    if (at + size < content) return;
    const box = { type: head.toString('latin1', 4, 8), start: content, end: Math.min(at + size, end) };
    if (CONTAINERS.has(box.type)) yield* boxesIn(file, box.start, box.end, budget);
    else yield box;
    at += size;
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
