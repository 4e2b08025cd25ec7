import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { type Duplex } from 'node:stream';

/** An HTTP proxy that opens tunnels (CONNECT), on a free port of 127.0.0.1. It alone knows where its names are. */
export class ConnectProxy {
  /** Every `host:port` that it was asked for. */
  readonly connects: string[] = [];
  /** The credentials that came with each request, as the header has them. */
  readonly credentials: (string | undefined)[] = [];
  /** It answers 403 to all requests. */
  refuses = false;

  private readonly tunnels = new Set<Duplex>();
  private readonly server = http.createServer((_request, response) => {
    response.writeHead(405).end();
  });

  private constructor(private readonly ports: Readonly<Record<string, number>>) {
    this.server.on('connect', (request, socket: Duplex) => this.open(request, socket));
  }

  /** @param ports where on 127.0.0.1 each `host:port` is; what is not among them is refused with 502 */
  static async start(ports: Readonly<Record<string, number>> = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(ports);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  reset(): void {
    this.connects.length = 0;
    this.credentials.length = 0;
    this.refuses = false;
  }

  async stop(): Promise<void> {
    for (const each of this.tunnels) each.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private open(request: http.IncomingMessage, socket: Duplex): void {
    const target = request.url ?? '';
    this.connects.push(target);
    this.credentials.push(request.headers['proxy-authorization']);
    this.tunnels.add(socket);
    socket.once('close', () => this.tunnels.delete(socket));
    socket.on('error', () => socket.destroy());
    const port = this.ports[target];
    if (this.refuses || port === undefined) {
      socket.end(`HTTP/1.1 ${this.refuses ? '403 Forbidden' : '502 Bad Gateway'}\r\n\r\n`);
      return;
    }
    const there = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    there.on('error', () => socket.destroy());
    socket.once('close', () => there.destroy());
  }
}
