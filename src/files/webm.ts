import { type FileHandle, open } from 'node:fs/promises';
import { secondsOf } from './seconds';

/** What the header of a WebM file tells (https://www.matroska.org/technical/elements.html). */
export interface Webm {
  /** Seconds; undefined where the header has none, as in what a browser records. */
  duration: number | undefined;
  tracks: ReadonlySet<'video' | 'audio'>;
}

const ID = {
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackType: 0x83,
  cluster: 0x1f43b675,
} as const;

const CONTAINERS: ReadonlySet<number> = new Set([ID.segment, ID.info, ID.tracks, ID.trackEntry]);
const TRACK_TYPES: Readonly<Record<number, 'video' | 'audio'>> = { 1: 'video', 2: 'audio' };
/** A file made to keep us busy has no more than these. */
const MAX_ELEMENTS = 2_000;
const NANOSECONDS = 1e9;

/** Reads the elements before the first cluster, which hold what describes the media. */
export async function readWebm(path: string): Promise<Webm> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tracks = new Set<'video' | 'audio'>();
    let scale = 1_000_000;
    let duration = 0;
    let at = 0;
    for (let count = 0; at < size && count < MAX_ELEMENTS; count += 1) {
      const element = await elementAt(file, at);
      if (element === undefined || element.id === ID.cluster) break;
      // A container's content is walked like what follows it: only the order matters here, not what lies in what.
      at = CONTAINERS.has(element.id) ? element.start : element.start + element.size;
      if (element.size > 8) continue;
      const value = await bytesAt(file, element.start, element.size);
      if (element.id === ID.timestampScale) scale = unsigned(value);
      if (element.id === ID.duration) duration = float(value);
      const type = element.id === ID.trackType ? TRACK_TYPES[unsigned(value)] : undefined;
      if (type !== undefined) tracks.add(type);
    }
    return { duration: secondsOf(duration * scale, NANOSECONDS), tracks };
  } finally {
    await file.close();
  }
}

interface Element {
  id: number;
  start: number;
  /** Infinity: up to the end, as while recording */
  size: number;
}

/** An element's id and size: numbers of 1 to 8 bytes, whose leading zeros tell how many. */
async function elementAt(file: FileHandle, at: number): Promise<Element | undefined> {
  const head = await bytesAt(file, at, 12);
  const idLength = lengthOf(head[0]);
  const sizeLength = lengthOf(head[idLength]);
  if (idLength > 4 || sizeLength > 8 || head.length < idLength + sizeLength) return undefined;
  const bytes = Buffer.from(head.subarray(idLength, idLength + sizeLength));
  const marker = 0x80 >> (sizeLength - 1);
  bytes[0] = (bytes[0] ?? 0) & ~marker;
  const isUnknown = bytes.every((byte, index) => byte === (index === 0 ? marker - 1 : 0xff));
  return {
    id: head.readUIntBE(0, idLength),
    start: at + idLength + sizeLength,
    size: isUnknown ? Infinity : unsigned(bytes),
  };
}

/** How many bytes a number has that begins with this one; 9: it is none. */
function lengthOf(byte: number | undefined): number {
  return byte === undefined ? 9 : Math.clz32(byte) - 24 + 1;
}

function unsigned(bytes: Buffer): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function float(bytes: Buffer): number {
  if (bytes.length === 4) return bytes.readFloatBE(0);
  return bytes.length === 8 ? bytes.readDoubleBE(0) : 0;
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
