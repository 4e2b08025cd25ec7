import { createRequire } from 'node:module';
import os from 'node:os';
import type Sharp from 'sharp';
import { type Mime } from './kinds';

/** A picture as it is kept. */
export interface Picture {
  width: number;
  height: number;
  /** undefined: it is small enough to be its own */
  thumbnail: { path: string; mime: Mime } | undefined;
}

/** It can't be decoded, or is too large. */
export class BadPicture extends Error {
  override readonly name = 'BadPicture';
}

const MAX_PIXELS = 50_000_000;
const THUMBNAIL_SIDE = 480;
const LIMIT_SECONDS = 60;
/** A photo's quality: nobody sees a difference, and it is not larger than what the phone made. */
const QUALITY = 90;
const THUMBNAIL_QUALITY = 80;

const load = createRequire(__filename);

/** Works on pictures by sharp, in libuv's threads: never in the event loop. */
export class Pictures {
  #waiting: (() => void)[] = [];
  #free: number;

  /** @param atOnce pictures that are worked on at the same time */
  private constructor(
    private readonly sharp: typeof Sharp,
    atOnce: number,
  ) {
    this.#free = atOnce;
  }

  /** undefined: sharp is not installed, or not for this machine. */
  static load(): Pictures | undefined {
    let sharp: typeof Sharp;
    try {
      sharp = load('sharp') as typeof Sharp;
    } catch {
      // The caller says so in the log.
      return undefined;
    }
    // libuv has four threads, which files, names and signatures need as well; and a core is left to the server.
    sharp.concurrency(1);
    sharp.cache(false);
    return new Pictures(sharp, os.availableParallelism() > 4 ? 2 : 1);
  }

  /**
   * Makes of the picture at `source` the one that is kept, at `target`: upright, in its own format, with nothing but the picture in it.
   * Where it is large it gets a thumbnail at `thumbnail`.
   * @throws BadPicture
   */
  async make(source: string, mime: Mime, target: string, thumbnail: string): Promise<Picture> {
    await this.#turn();
    try {
      const size = await this.#convert(source, mime, target);
      const isLarge = Math.max(size.width, size.height) > THUMBNAIL_SIDE;
      return { ...size, thumbnail: isLarge ? await this.#thumbnail(target, thumbnail) : undefined };
    } finally {
      this.#free += 1;
      this.#waiting.shift()?.();
    }
  }

  /** Waits until one picture less is worked on. */
  async #turn(): Promise<void> {
    while (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#free -= 1;
  }

  async #convert(source: string, mime: Mime, target: string): Promise<{ width: number; height: number }> {
    const isAnimated = mime === 'image/gif' || mime === 'image/webp';
    try {
      const {
        height,
        pages = 1,
        width,
      } = await this.sharp(source, { failOn: 'error', limitInputPixels: false }).metadata();
      if (width * height * (isAnimated ? pages : 1) > MAX_PIXELS) throw new BadPicture('too many pixels');
      const input = this.sharp(source, {
        animated: isAnimated,
        failOn: 'error',
        limitInputPixels: MAX_PIXELS,
        sequentialRead: true,
      }).timeout({ seconds: LIMIT_SECONDS });
      // A strip of frames can't be turned.
      const upright = pages > 1 ? input : input.autoOrient();
      const made = await withFormat(upright, mime).toFile(target);
      return { width: made.width, height: made.pageHeight ?? made.height };
    } catch (error) {
      if (error instanceof BadPicture) throw error;
      throw new BadPicture(error instanceof Error ? error.message : 'no picture');
    }
  }

  async #thumbnail(source: string, target: string): Promise<{ path: string; mime: Mime }> {
    const small = this.sharp(source, { limitInputPixels: MAX_PIXELS }).resize({
      width: THUMBNAIL_SIDE,
      height: THUMBNAIL_SIDE,
      fit: 'inside',
      withoutEnlargement: true,
    });
    const { data, info } = await small.png().toBuffer({ resolveWithObject: true });
    const isTransparent = info.channels > 3 && !(await this.sharp(data).stats()).isOpaque;
    const made = this.sharp(data);
    await (isTransparent ? made.png() : made.flatten().jpeg({ quality: THUMBNAIL_QUALITY })).toFile(target);
    return { path: target, mime: isTransparent ? 'image/png' : 'image/jpeg' };
  }
}

/** Sharp leaves out all that is not the picture itself, and turns its colours into sRGB, which every phone shows alike. */
function withFormat(picture: Sharp.Sharp, mime: Mime): Sharp.Sharp {
  switch (mime) {
    case 'image/png':
      return picture.png();
    case 'image/gif':
      return picture.gif();
    case 'image/webp':
      return picture.webp({ quality: QUALITY });
    default:
      return picture.jpeg({ quality: QUALITY });
  }
}
