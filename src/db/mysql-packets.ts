/**
 * Commands as MySQL's clients send them: a packet has the length of what follows in three bytes, a sequence number, and the
 * command. https://mariadb.com/kb/en/0-packet/, https://mariadb.com/kb/en/com_stmt_execute/
 */

const COM_STMT_EXECUTE = 0x17;
const TYPE_BIGINT = 0x08;
const TYPE_STRING = 0xfd;
const HEADER = 4;
/** Characters of a text that are copied one by one. */
const SHORT = 64;
/** V8 has many kinds of strings, and would look the method up for each of them. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its string
const { charCodeAt } = String.prototype;
/** One packet takes less. */
export const PACKET_LIMIT = 0xffffff;

/** As many bytes as `PacketWriter.execute` may take for `count` parameters, of which these may be texts. */
export function executeSize(count: number, parameters: readonly unknown[]): number {
  // The head; a bit that says null, a type and a number, or a text's length, for each.
  let size = HEADER + 12 + Math.ceil(count / 8) + count * (2 + 9);
  for (const each of parameters) if (typeof each === 'string') size += each.length * 3;
  return size;
}

/** Writes commands one behind the other, each of them the first of its own sequence. */
export class PacketWriter {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /**
   * @param id of a prepared statement
   * @param first whole numbers, its first parameters
   * @param parameters texts, whole numbers and nulls: the others
   */
  execute(id: number, first: readonly number[], parameters: readonly unknown[]): void {
    const start = this.#begin(COM_STMT_EXECUTE);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(id, this.#at);
    // No cursor; one iteration.
    buffer[this.#at + 4] = 0;
    buffer.writeUInt32LE(1, this.#at + 5);
    const nulls = this.#at + 9;
    const count = first.length + parameters.length;
    if (count === 0) {
      this.#at = nulls;
      this.#end(start);
      return;
    }
    const types = nulls + ((count + 7) >> 3);
    buffer.fill(0, nulls, types);
    // The types follow.
    buffer[types] = 1;
    this.#at = types + 1 + count * 2;
    let type = types + 1;
    for (const each of first) {
      buffer[type] = TYPE_BIGINT;
      buffer[type + 1] = 0;
      type += 2;
      this.#integer(each);
    }
    for (let index = 0; index < parameters.length; index += 1) {
      const value = parameters[index];
      buffer[type + 1] = 0;
      if (typeof value === 'string') {
        buffer[type] = TYPE_STRING;
        this.#string(value);
      } else if (typeof value === 'number') {
        buffer[type] = TYPE_BIGINT;
        this.#integer(value);
      } else if (value === null) {
        buffer[type] = TYPE_STRING;
        const bit = first.length + index;
        buffer.writeUInt8(buffer.readUInt8(nulls + (bit >> 3)) | (1 << (bit & 7)), nulls + (bit >> 3));
      } else {
        throw new TypeError(`a parameter is neither text nor number: ${typeof value}`);
      }
      type += 2;
    }
    this.#end(start);
  }

  #begin(command: number): number {
    const start = this.#at;
    this.#buffer[start + HEADER] = command;
    this.#at += HEADER + 1;
    return start;
  }

  /** The length, and 0: each is a command of its own. */
  #end(start: number): void {
    this.#buffer.writeUInt32LE(this.#at - start - HEADER, start);
  }

  /** A whole number of at most 2^53. */
  #integer(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.#buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.#at);
    this.#buffer.writeInt32LE(high, this.#at + 4);
    this.#at += 8;
  }

  /** Ids and times, of which there are dozens a message: a call into native code for each would cost more than this. */
  #ascii(value: string, characters: number, at: number): boolean {
    const buffer = this.#buffer;
    for (let index = 0; index < characters; index += 1) {
      const code = charCodeAt.call(value, index);
      if (code > 0x7f) return false;
      buffer[at + index] = code;
    }
    return true;
  }

  /** Its length first, in one byte, or a mark and 2 or 8 bytes: as it could be at most, since that is known before. */
  #string(value: string): void {
    const buffer = this.#buffer;
    const at = this.#at;
    const { length: characters } = value;
    if (characters <= SHORT && this.#ascii(value, characters, at + 1)) {
      buffer[at] = characters;
      this.#at = at + 1 + characters;
      return;
    }
    const most = characters * 3;
    if (most <= 0xfa) {
      const length = buffer.write(value, at + 1);
      buffer[at] = length;
      this.#at = at + 1 + length;
    } else if (most <= 0xffff) {
      const length = buffer.write(value, at + 3);
      buffer[at] = 0xfc;
      buffer.writeUInt16LE(length, at + 1);
      this.#at = at + 3 + length;
    } else {
      const length = buffer.write(value, at + 9);
      buffer[at] = 0xfe;
      buffer.writeUInt32LE(length, at + 1);
      buffer.writeUInt32LE(0, at + 5);
      this.#at = at + 9 + length;
    }
  }
}
