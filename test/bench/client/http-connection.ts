import net from 'node:net';

export interface HttpAnswer {
  status: number;
  body: string;
}

const ANSWER_LIMIT_MS = 15_000;
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One kept-alive HTTP/1.1 connection to 127.0.0.1, one request at a time. Much cheaper than a real client, which would
 * take the CPU away from the server that is measured beside it; it knows only answers with a Content-Length or no body.
 */
export class HttpConnection {
  #buffer: Buffer | undefined;
  #resolve: ((answer: HttpAnswer) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  private constructor(private readonly socket: net.Socket) {
    socket.setNoDelay(true);
    socket.setTimeout(ANSWER_LIMIT_MS, () => {
      if (this.#reject !== undefined) socket.destroy(new Error(`no answer in ${ANSWER_LIMIT_MS} ms`));
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** @throws when the server refuses the connection */
  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1' });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  /** @param text a whole request, see `requestText`. @throws when no answer comes */
  request(text: string): Promise<HttpAnswer> {
    if (this.#resolve !== undefined) throw new Error('one request at a time');
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.socket.destroyed) this.#fail(new Error('the connection is closed'));
      else this.socket.write(text);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#buffer === undefined ? chunk : Buffer.concat([this.#buffer, chunk]);
    this.#buffer = bytes;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const bodyStart = headEnd + HEAD_END.length;
    if (bytes.length < bodyStart + length) return;
    this.#buffer = undefined;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.({
      status: Number(head.slice(9, 12)),
      body: bytes.toString('utf8', bodyStart, bodyStart + length),
    });
  }

  #fail(error: Error): void {
    const reject = this.#reject;
    this.#resolve = undefined;
    this.#reject = undefined;
    reject?.(error);
  }
}

/** `Authorization` for a token, `X-IM-App-Key` for a backend's key, as lines of a head. */
export function credentials({ token, appKey }: { token?: string; appKey?: string | undefined }): string {
  return appKey === undefined ? `Authorization: Bearer ${token ?? ''}\r\n` : `X-IM-App-Key: ${appKey}\r\n`;
}

/** The text of a request with a JSON body, or without any. @param headers lines that end with CRLF */
export function requestText(method: string, path: string, headers: string, body?: string): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}`;
  if (body === undefined) return `${head}\r\n`;
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
