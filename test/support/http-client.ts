import http from 'node:http';
import { APP_KEY } from './keys';

export interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies freely, as they do supertest's
  body: any;
}

/** A client of /api/v2 that keeps its connections, for tests that send much: the platform's backend, or a user with a token. */
export class HttpClient {
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(
    private readonly url: string,
    private readonly token?: string,
  ) {}

  /** @throws when the connection breaks before the answer is complete */
  request(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const credentials =
      this.token === undefined ? { 'X-IM-App-Key': APP_KEY } : { Authorization: `Bearer ${this.token}` };
    const headers = {
      ...credentials,
      ...(text === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const request = http.request(
        `${this.url}/api/v2${path}`,
        { method, headers, agent: this.agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const answer = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode ?? 0,
              body: answer === '' ? undefined : (JSON.parse(answer) as unknown),
            });
          });
        },
      );
      request.once('error', reject);
      request.end(text);
    });
  }

  get(path: string): Promise<Answer> {
    return this.request('GET', path);
  }

  /** Sends a message as `sender`. */
  send(session: string, sender: string, message: Record<string, unknown>): Promise<Answer> {
    return this.request('POST', `/sessions/${session}/messages`, { sender_id: sender, ...message });
  }

  close(): void {
    this.agent.destroy();
  }
}
