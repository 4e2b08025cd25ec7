const TEXT_OPCODE = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/**
 * A text as the whole WebSocket frame of a server: final, and not masked (RFC 6455, section 5.2). What many sockets are to
 * get is framed once, and each of them is given the same bytes.
 */
export class TextFrame {
  readonly bytes: Buffer;

  constructor(text: string) {
    const length = Buffer.byteLength(text);
    const start = length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10;
    const bytes = Buffer.allocUnsafe(start + length);
    bytes[0] = TEXT_OPCODE;
    if (start === 2) {
      bytes[1] = length;
    } else if (start === 4) {
      bytes[1] = LENGTH_IN_16_BITS;
      bytes.writeUInt16BE(length, 2);
    } else {
      bytes[1] = LENGTH_IN_64_BITS;
      bytes.writeBigUInt64BE(BigInt(length), 2);
    }
    bytes.write(text, start);
    this.bytes = bytes;
  }
}
