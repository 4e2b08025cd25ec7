import { mkdirSync, readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { removeFolder, temporaryFolder } from '../support/processes';
import { APP_KEY, TestServer } from '../support/server';

export interface Answered {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read bodies freely
  body: any;
  headers: http.IncomingHttpHeaders;
  bytes: Buffer;
}

export interface UploadOptions {
  token?: string;
  /** For the backend. */
  userId?: string;
  /** null: the part names no file */
  name?: string | null;
  type?: string;
}

/** A server that keeps files in a folder of its own, which goes with it. */
export class FileServer {
  private constructor(
    readonly server: TestServer,
    readonly folder: string,
  ) {}

  static async start(
    environment: Record<string, string> = {},
    overrides: Parameters<typeof TestServer.start>[2] = {},
  ): Promise<FileServer> {
    const folder = temporaryFolder('im-files-');
    mkdirSync(folder, { recursive: true });
    const files = path.join(folder, 'files');
    const server = await TestServer.start(
      { IM_FILES: `file:${files}`, IM_SEND_RATE: '1000000', ...environment },
      {},
      overrides,
    );
    return new FileServer(server, files);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    removeFolder(path.dirname(this.folder));
  }

  get db() {
    return this.server.context.database.kysely;
  }

  upload(file: Buffer, options: UploadOptions = {}): Promise<Answered> {
    return upload(this.server.url, file, options);
  }

  /** A file that is taken. @returns its id */
  async file(file: Buffer, options: UploadOptions = {}): Promise<string> {
    const answer = await this.upload(file, options);
    if (answer.status !== 201) throw new Error(`not taken: ${JSON.stringify(answer.body)}`);
    return answer.body.id as string;
  }

  /** A request for a file. @param address below the server, or a file's id */
  get(address: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
    const url = address.startsWith('/') ? address : `/api/v2/files/${address}`;
    return request(this.server.url + url, method, headers);
  }

  /** Everything that lies in the folder. */
  stored(): string[] {
    try {
      return readdirSync(this.folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(this.folder, path.join(entry.parentPath, entry.name)))
        .sort();
    } catch {
      return [];
    }
  }
}

export const asBackend = { 'X-IM-App-Key': APP_KEY };
export const asUser = (token: string) => ({ Authorization: `Bearer ${token}` });

const BOUNDARY = 'boundary-of-the-tests';

export function part(head: string, content: Buffer | string, type?: string): Buffer {
  const media = type === undefined ? '' : `\r\nContent-Type: ${type}`;
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${head}${media}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
}

export const END = Buffer.from(`--${BOUNDARY}--\r\n`);

/** A body of these parts, sent as it is. */
export function sendParts(
  url: string,
  parts: readonly Buffer[],
  headers: Record<string, string> = asBackend,
): Promise<Answered> {
  return request(
    `${url}/api/v2/files`,
    'POST',
    { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, ...headers },
    Buffer.concat(parts),
  );
}

export function upload(url: string, file: Buffer, options: UploadOptions = {}): Promise<Answered> {
  const { name = 'a.bin', token, type = 'application/octet-stream', userId } = options;
  const filename = name === null ? '' : `; filename="${name}"`;
  const parts = [part(`name="file"${filename}`, file, type)];
  if (userId !== undefined) parts.push(part('name="user_id"', userId));
  return sendParts(url, [...parts, END], token === undefined ? asBackend : asUser(token));
}

/** One request on a connection of its own. Rejects when the connection breaks before the answer is whole. */
export function request(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: Buffer,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': body.length };
    const sent = http.request(
      url,
      { method, agent: false, headers: { ...length, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const bytes = Buffer.concat(chunks);
          const isJson = (response.headers['content-type'] ?? '').includes('json');
          resolve({
            status: response.statusCode ?? 0,
            body: isJson && bytes.length > 0 ? (JSON.parse(bytes.toString()) as unknown) : undefined,
            headers: response.headers,
            bytes,
          });
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
