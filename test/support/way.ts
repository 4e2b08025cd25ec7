import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

/** The way to the database. When it is cut, what is on it falls silent for ever and is never reset; new connections pass. */
export class Way {
  readonly #pairs: [Socket, Socket][] = [];
  #isClosed = false;

  private constructor(private readonly server: net.Server) {}

  static async to(target: number): Promise<Way> {
    const server = net.createServer({ pauseOnConnect: true });
    const way = new Way(server);
    server.on('connection', (near) => {
      if (way.#isClosed) {
        near.on('error', () => undefined).resetAndDestroy();
        return;
      }
      const far = net.connect(target, '127.0.0.1');
      for (const each of [near, far]) each.on('error', () => undefined);
      near.pipe(far).pipe(near);
      way.#pairs.push([near, far]);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return way;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      // The database itself sees the connection's end, so that no lock of it stays.
      far.destroy();
      near.resume();
    }
  }

  /** Ends all connections and takes none until `reopen`, as a database that is stopped. */
  shut(): void {
    this.#isClosed = true;
    for (const socket of this.#pairs.flat()) socket.destroy();
  }

  reopen(): void {
    this.#isClosed = false;
  }

  /** Connections that were made so far. */
  get connections(): number {
    return this.#pairs.length;
  }

  close(): void {
    for (const socket of this.#pairs.flat()) socket.destroy();
    this.server.close();
  }
}
