import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

/** COM_QUERY of MySQL's protocol. */
const QUERY = 0x03;
const HEADER_BYTES = 4;
/** ER_LOCK_DEADLOCK: what a node of Galera answers to the COMMIT of who lost against another node. */
const REFUSED = { errno: 1213, sqlState: '40001', text: 'refused at its commit' };

/**
 * The way to a MySQL or MariaDB which refuses some COMMITs as a node of a cluster does: the transaction is rolled back, and the
 * client gets an error that asks for another try. It knows packets by MySQL's client/server protocol.
 */
export class CommitRefusingProxy {
  readonly #sockets = new Set<Socket>();
  /** How many COMMITs it has refused. */
  refused = 0;

  private constructor(private readonly server: net.Server) {}

  /** @param mayCommit is asked at each COMMIT */
  static async to(target: number, mayCommit: () => boolean): Promise<CommitRefusingProxy> {
    const server = net.createServer();
    const proxy = new CommitRefusingProxy(server);
    server.on('connection', (near) => proxy.#connect(near, net.connect(target, '127.0.0.1'), mayCommit));
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

  #connect(near: Socket, far: Socket, mayCommit: () => boolean): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    let swallowAnswer = false;
    near.on('data', (bytes: Buffer) => {
      if (!isCommit(bytes) || mayCommit()) {
        far.write(bytes);
        return;
      }
      this.refused += 1;
      swallowAnswer = true;
      far.write(packet(0, Buffer.from(bytes.toString('latin1', HEADER_BYTES).replace('commit', 'rollback'))));
    });
    far.on('data', (bytes: Buffer) => {
      near.write(swallowAnswer ? errorPacket() : bytes);
      swallowAnswer = false;
    });
  }
}

/**
 * The client waits for each answer, so a short command comes in one piece. To MySQL the driver writes the number of the query's
 * attributes before the text.
 */
function isCommit(bytes: Buffer): boolean {
  const attributes = bytes.length - HEADER_BYTES - 1 - 'commit'.length;
  return (
    bytes[HEADER_BYTES] === QUERY && attributes >= 0 && attributes <= 2 && bytes.toString().endsWith('commit')
  );
}

function packet(sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntLE(body.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, body]);
}

function errorPacket(): Buffer {
  const errno = Buffer.alloc(2);
  errno.writeUInt16LE(REFUSED.errno);
  return packet(
    1,
    Buffer.concat([Buffer.from([0xff]), errno, Buffer.from(`#${REFUSED.sqlState}${REFUSED.text}`)]),
  );
}
