import { readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import path from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';

export type Side = 'client' | 'server';

export interface Frame {
  type: string;
  data: Record<string, unknown>;
  ref?: string;
}

/**
 * What becomes of a frame: `swallow` loses it, `cut` loses it and breaks the connection, `pass-and-cut` breaks it right after,
 * `until` holds it back while later ones pass, `refuse` answers the client in the server's place.
 */
export type Verdict =
  'swallow' | 'cut' | 'pass-and-cut' | 'twice' | { until: Promise<unknown> } | { refuse: string };

interface Rule {
  from: Side;
  type: string;
  verdict: Verdict;
  times: number;
  where: (frame: Frame) => boolean;
}

interface Link {
  client: WebSocket;
  server: WebSocket;
  frozen: boolean;
}

/** Stands between the browser and a server, passes HTTP on, and does to the frames of a WebSocket what a bad network does. */
export class FaultProxy {
  /** All frames that came in, whatever became of them. */
  readonly frames: { from: Side; frame: Frame; link: number }[] = [];
  /** When the client dialled, in ms since the epoch. */
  readonly dials: number[] = [];
  /** The most messages that a page of a sync may have, whatever the client asks for. */
  syncLimit = Infinity;
  /** While true, no connection is taken. */
  refusing = false;
  /** Asked about each frame for which there is no rule. */
  fate: (from: Side, frame: Frame) => Verdict | undefined = () => undefined;

  private readonly rules: Rule[] = [];
  private readonly links = new Set<Link>();
  private readonly server: Server;

  constructor(private readonly targetPort: () => number) {
    const sockets = new WebSocketServer({ noServer: true });
    this.server = createServer((request, response) => {
      if (request.url?.startsWith('/test/') === true) serveTestPage(request, response);
      else this.forward(request, response);
    });
    this.server.on('upgrade', (request, socket, head) => {
      this.dials.push(Date.now());
      if (this.refusing) socket.destroy();
      else {
        sockets.handleUpgrade(request, socket, head, (client) => {
          this.link(client);
        });
      }
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
      this.server.closeAllConnections();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as { port: number }).port)}`;
  }

  /** The next `times` frames of that side and type (that `where` picks) get the verdict. */
  on(
    from: Side,
    type: string,
    verdict: Verdict,
    { times = 1, where = (): boolean => true }: Partial<Rule> = {},
  ): void {
    this.rules.push({ from, type, verdict, times, where });
  }

  /** Breaks all connections, without a close frame. */
  cut(): void {
    for (const link of [...this.links]) this.break(link);
  }

  /** From now on nothing gets through the present connections, and nobody is told. */
  freeze(): void {
    for (const link of this.links) link.frozen = true;
  }

  /** The data of the frames of that type that came from that side. */
  seen(from: Side, type: string): Record<string, unknown>[] {
    return this.frames
      .filter((one) => one.from === from && one.frame.type === type)
      .map(({ frame }) => frame.data);
  }

  private link(client: WebSocket): void {
    const server = new WebSocket(`ws://127.0.0.1:${String(this.targetPort())}/ws`);
    const link: Link = { client, server, frozen: false };
    const number = this.dials.length;
    const early: string[] = [];
    this.links.add(link);
    server.on('open', () => {
      for (const text of early.splice(0)) this.pass('client', text, link, number);
    });
    client.on('message', (data: Buffer) => {
      if (server.readyState === WebSocket.CONNECTING) early.push(data.toString('utf8'));
      else this.pass('client', data.toString('utf8'), link, number);
    });
    server.on('message', (data: Buffer) => {
      this.pass('server', data.toString('utf8'), link, number);
    });
    server.on('error', () => {
      this.break(link);
    });
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      end.on('close', (code, reason) => {
        if (link.frozen) return;
        this.links.delete(link);
        if (code === 1006 || code === 1005 || other.readyState !== WebSocket.OPEN) other.terminate();
        else other.close(code, reason);
      });
    }
  }

  private pass(from: Side, text: string, link: Link, number: number): void {
    const frame = JSON.parse(text) as Frame;
    if (link.frozen) return;
    this.frames.push({ from, frame, link: number });
    if (from === 'client' && frame.type === 'sync')
      frame.data.limit = Math.min(Number(frame.data.limit), this.syncLimit);
    const sent = JSON.stringify(frame);
    const verdict = this.verdict(from, frame);
    const to = from === 'client' ? link.server : link.client;
    const forward = (then?: () => void): void => {
      if (to.readyState === WebSocket.OPEN) to.send(sent, then);
    };
    if (verdict === 'swallow') return;
    if (verdict === undefined) forward();
    else if (verdict === 'cut') this.break(link);
    else if (verdict === 'twice') {
      forward();
      forward();
    } else if (verdict === 'pass-and-cut') {
      forward(() => {
        this.break(link);
      });
    } else if ('until' in verdict) {
      void verdict.until.then(() => {
        forward();
      });
    } else {
      const data = { code: verdict.refuse, detail: verdict.refuse };
      link.client.send(JSON.stringify({ type: 'error', data, ref: frame.ref }));
    }
  }

  private verdict(from: Side, frame: Frame): Verdict | undefined {
    const rule = this.rules.find((one) => one.from === from && one.type === frame.type && one.where(frame));
    if (rule === undefined) return this.fate(from, frame);
    rule.times -= 1;
    if (rule.times === 0) this.rules.splice(this.rules.indexOf(rule), 1);
    return rule.verdict;
  }

  private break(link: Link): void {
    this.links.delete(link);
    link.client.terminate();
    link.server.terminate();
  }

  private forward(request: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = request;
    const onward = httpRequest(
      { port: this.targetPort(), host: '127.0.0.1', method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => {
      response.destroy();
    });
    request.pipe(onward);
  }
}

/** `/test/page?<package of jQuery>` is a page with that jQuery, the SDK and this folder's `page.js` on it. */
function serveTestPage(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const query = url.search.slice(1);
  if (url.pathname === '/test/page') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end(`<!doctype html>
<meta charset="utf-8"><title>SDK test</title><link rel="icon" href="data:,">
<script src="/test/jquery?${query}"></script>
<script src="/test/sdk"></script>
<script src="/test/script"></script>`);
    return;
  }
  const files: Record<string, () => string> = {
    '/test/jquery': () => require.resolve(query),
    '/test/sdk': () => path.join(__dirname, '../../../sdk/im.client.js'),
    '/test/script': () => path.join(__dirname, 'page.js'),
  };
  readFile(files[url.pathname]?.() ?? '').then(
    (text) => response.setHeader('Content-Type', 'text/javascript; charset=utf-8').end(text),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}
