import { type Send, type Sent } from './send';
import { Writer, type WriterOptions } from './writer';

/** Side by side they keep several connections busy; a session always has the same one, so its messages never compete. */
export class Writers {
  readonly #writers: Writer[];

  constructor(options: WriterOptions) {
    this.#writers = Array.from({ length: 1 }, () => new Writer(options));
  }

  /** See `Writer.submit`. */
  submit(send: Send): Promise<Sent> {
    return this.#writerOf(send.sessionId).submit(send);
  }

  /** See `Writer.settled`: for the sends of one session. */
  settled(sessionId: string): Promise<void> {
    return this.#writerOf(sessionId).settled();
  }

  /** Resolves when everything submitted so far is answered. */
  async idle(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.idle()));
  }

  #writerOf(sessionId: string): Writer {
    const writer = this.#writers[hash(sessionId) % this.#writers.length];
    if (writer === undefined) throw new RangeError('a server without writers');
    return writer;
  }
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}
