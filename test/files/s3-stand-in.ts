import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo } from 'node:net';

export const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'AKIATESTS', AWS_SECRET_ACCESS_KEY: 'a/secret+of/the/tests' };
const PAGE = 3;

interface Stored {
  content: Buffer;
  type: string;
  modified: Date;
}

export const putAtOnce = () => Promise.resolve(200);

/** A bucket over HTTP that verifies signatures (AWS Signature Version 4) and refuses what it does not know. */
export class S3StandIn {
  readonly objects = new Map<string, Stored>();
  /** What was wrong with a request: it was answered with 403 or 400. */
  readonly refused: string[] = [];
  readonly seen: string[] = [];
  /** Answers nothing at all. */
  silent = false;
  /** Answers everything with this status. */
  failing: number | undefined;
  /** Answers a PUT of this key with the status, once it is there. */
  putStatus: (key: string) => Promise<number> = putAtOnce;
  private constructor(
    private readonly server: http.Server,
    readonly bucket: string,
  ) {}

  static async start(bucket: string): Promise<S3StandIn> {
    const server = http.createServer();
    const standIn = new S3StandIn(server, bucket);
    server.on('request', (request, response) => void standIn.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return standIn;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (this.silent) return;
    const url = new URL(request.url ?? '', this.endpoint);
    const key = decodeURIComponent(url.pathname).slice(`/${this.bucket}/`.length);
    this.seen.push(`${request.method ?? ''} ${key}`);
    const wrong = faultOf(request, url, content);
    if (wrong !== undefined) {
      this.refused.push(wrong);
      error(response, 403, 'SignatureDoesNotMatch');
      return;
    }
    if (this.failing !== undefined) error(response, this.failing, 'SlowDown');
    else if (!url.pathname.startsWith(`/${this.bucket}`)) error(response, 404, 'NoSuchBucket');
    else if (url.searchParams.get('list-type') === '2') this.#list(url, response);
    else if (request.method === 'PUT') {
      const status = await this.putStatus(key);
      if (status !== 200) {
        error(response, status, 'SlowDown');
        return;
      }
      this.objects.set(key, { content, type: request.headers['content-type'] ?? '', modified: new Date() });
      response.writeHead(200, { ETag: '"x"' }).end();
    } else if (request.method === 'GET') this.#get(request, response, key);
    else if (request.method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else error(response, 405, 'MethodNotAllowed');
  }

  #get(request: http.IncomingMessage, response: http.ServerResponse, key: string): void {
    const found = this.objects.get(key);
    if (found === undefined) {
      error(response, 404, 'NoSuchKey');
      return;
    }
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const content =
      start === undefined ? found.content : found.content.subarray(Number(start), Number(end) + 1);
    response.writeHead(start === undefined ? 200 : 206, { 'Content-Length': content.length }).end(content);
  }

  #list(url: URL, response: http.ServerResponse): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, PAGE);
    const more = keys.length > PAGE;
    const items = page.map(
      (key) =>
        `<Contents><Key>${key}</Key><LastModified>${this.objects.get(key)!.modified.toISOString()}</LastModified><Size>1</Size></Contents>`,
    );
    const next = more ? `<NextContinuationToken>${page.at(-1)!}</NextContinuationToken>` : '';
    response
      .writeHead(200, { 'Content-Type': 'application/xml' })
      .end(
        `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${items.join('')}</ListBucketResult>`,
      );
  }
}

function error(response: http.ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'Content-Type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function hex(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** What is wrong with a request's signature, or with what OSS, COS and older MinIO do not know; undefined: nothing. */
function faultOf(
  { headers, method = '' }: http.IncomingMessage,
  url: URL,
  content: Buffer,
): string | undefined {
  const unknown = Object.keys(headers).filter((name) =>
    /^x-amz-(?:checksum|sdk-checksum|trailer)/.test(name),
  );
  if (unknown.length > 0) return `checksums: ${unknown.join()}`;
  if ((headers['content-encoding'] ?? '').includes('aws-chunked')) return 'aws-chunked';
  const [, id, day, region, signed, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  if (id !== CREDENTIALS.AWS_ACCESS_KEY_ID || !day || !region || !signed || !signature) return 'no signature';
  const names = signed.split(';');
  if (!names.includes('host')) return 'the host is not signed';
  const hash = String(headers['x-amz-content-sha256']);
  const sha = createHash('sha256').update(content).digest('hex');
  if (hash !== sha && hash !== 'UNSIGNED-PAYLOAD') return 'another body';
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const canonical = [
    method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    hash,
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${String(headers['x-amz-date'])}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => hex(secret, part),
    `AWS4${CREDENTIALS.AWS_SECRET_ACCESS_KEY}`,
  );
  return hex(key, text).toString('hex') === signature ? undefined : 'another signature';
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
