import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

const HEADER = 4;
/** First bytes of a server's packets: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html */
const OK = 0x00;
const EOF = 0xfe;
const ERROR = 0xff;
const MORE_RESULTS = 0x0008;
const QUIT = 0x01;

/** Cuts a stream into MySQL's packets: three bytes of length, a number, and so many bytes. */
class Packets {
  #rest = Buffer.alloc(0);

  *add(chunk: Buffer): Iterable<Buffer> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER) {
      const end = HEADER + this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < end) return;
      yield this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Follows a connection's answers: whether the one under way is over. Without CLIENT_DEPRECATE_EOF, which mysql2 does not use. */
class Answer {
  #state: 'login' | 'first' | 'columns' | 'rows' = 'login';

  /** @returns whether this packet of the server is an answer's last */
  isLast(packet: Buffer): boolean {
    const kind = packet[HEADER];
    if (kind === ERROR) return this.#end();
    if (this.#state === 'login') return kind === OK && packet[3] !== 0 ? this.#end() : false;
    const isEof = kind === EOF && packet.length < HEADER + 9;
    if (this.#state === 'first') {
      if (kind === OK) return this.#hasMore(statusOfOk(packet)) ? false : this.#end();
      this.#state = 'columns';
      return false;
    }
    if (!isEof) return false;
    if (this.#state === 'columns') {
      this.#state = 'rows';
      return false;
    }
    this.#state = 'first';
    return !this.#hasMore(packet.readUInt16LE(HEADER + 3));
  }

  #hasMore(status: number): boolean {
    return (status & MORE_RESULTS) !== 0;
  }

  #end(): boolean {
    this.#state = 'first';
    return true;
  }
}

/** Behind two numbers of variable length. */
function statusOfOk(packet: Buffer): number {
  let at = HEADER + 1;
  for (let number = 0; number < 2; number += 1) {
    const first = packet[at] ?? 0;
    at += first === 0xfc ? 3 : first === 0xfd ? 4 : first === 0xfe ? 9 : 1;
  }
  return packet.readUInt16LE(at);
}

/**
 * A proxy before a MySQL server that takes one command at a time from each client, as ProxySQL does: who sends another one before the
 * answer to the first is over is cut off.
 */
export class OneCommandProxy {
  readonly #sockets = new Set<Socket>();
  commands = 0;
  /** Clients that were cut off. */
  violations = 0;

  private constructor(
    private readonly server: net.Server,
    private readonly target: number,
  ) {
    server.on('connection', (client) => this.#serve(client));
  }

  static async before(target: number): Promise<OneCommandProxy> {
    const server = net.createServer();
    const proxy = new OneCommandProxy(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }

  #serve(client: Socket): void {
    const server = net.connect(this.target, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    const answer = new Answer();
    const [fromClient, fromServer] = [new Packets(), new Packets()];
    // The login is under way: its packets have numbers above 0.
    let isBusy = true;
    client.on('data', (chunk: Buffer) => {
      for (const packet of fromClient.add(chunk)) {
        if (packet[3] === 0) {
          this.commands += 1;
          if (isBusy) {
            this.violations += 1;
            client.destroy();
            return;
          }
          isBusy = packet[HEADER] !== QUIT;
        }
        server.write(packet);
      }
    });
    server.on('data', (chunk: Buffer) => {
      for (const packet of fromServer.add(chunk)) {
        if (answer.isLast(packet)) isBusy = false;
        client.write(packet);
      }
    });
  }
}
