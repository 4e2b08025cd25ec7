import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { type Readable } from 'node:stream';
import type * as S3 from '@aws-sdk/client-s3';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { unavailable } from '../errors';
import { log } from '../logger';
import { type ProxyConfig, type S3Config } from '../resources/config/config';
import { type ByteRange, type FileStore, type StoredObject } from './store';

/** Without anything that moves for this long the place counts as away. */
const SILENCE_MS = 8_000;
const LOOK_MS = 500;
/** OSS and COS do without, when nobody names a region. */
const REGION = 'us-east-1';

const nothing = () => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Loaded for `s3:` alone: it is the largest package here. */
const load = createRequire(__filename);

/** Opens a bucket of AWS, MinIO, OSS or COS. Nothing is asked before the first file. */
export function openS3Store(config: S3Config, proxy: ProxyConfig | undefined): FileStore {
  return new S3Store(load('@aws-sdk/client-s3') as typeof S3, config, proxy);
}

class S3Store implements FileStore {
  readonly description: string;
  readonly isLocal = false;
  /** Of this user alone: other servers on the machine may have theirs. */
  readonly incoming = path.join(os.tmpdir(), `im-incoming-${os.userInfo().uid}`);
  readonly #client: S3.S3Client;

  constructor(
    private readonly s3: typeof S3,
    private readonly config: S3Config,
    proxy: ProxyConfig | undefined,
  ) {
    const { bucket, credentials, endpoint, pathStyle, prefix, region } = config;
    this.description = `s3://${bucket}/${prefix}`;
    const agent = proxy === undefined || isExcepted(endpoint, proxy) ? {} : agentsOf(proxy);
    this.#client = new s3.S3Client({
      region: region ?? REGION,
      credentials,
      forcePathStyle: pathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      // The client's own checksums are unknown to OSS, COS and older MinIO.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: 3_000, ...agent },
      maxAttempts: 2,
      // Its lines hold whole requests. What goes wrong is said here, once.
      logger: SILENT,
    });
  }

  #target(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.config.bucket, Key: this.config.prefix + name };
  }

  async put(name: string, source: string, mime: string): Promise<void> {
    const { size } = await stat(source);
    const body = createReadStream(source);
    try {
      await this.#patient(
        (abortSignal) => {
          const command = new this.s3.PutObjectCommand({
            ...this.#target(name),
            Body: body,
            ContentLength: size,
            ContentType: mime,
          });
          return this.#client.send(command, { abortSignal });
        },
        () => body.bytesRead,
      );
    } finally {
      body.destroy();
    }
    await rm(source, { force: true });
  }

  async open(name: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const { Body } = await this.#patient((abortSignal) => {
        const bytes = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
        const command = new this.s3.GetObjectCommand({ ...this.#target(name), ...bytes });
        return this.#client.send(command, { abortSignal });
      });
      return Body as Readable | undefined;
    } catch (error) {
      if (error instanceof NoSuchObject) return undefined;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    const command = new this.s3.DeleteObjectCommand(this.#target(name));
    await this.#patient((abortSignal) => this.#client.send(command, { abortSignal }));
  }

  async *list(): AsyncGenerator<StoredObject> {
    const { bucket, prefix } = this.config;
    for (let token: string | undefined; ;) {
      const command = new this.s3.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#patient((abortSignal) => this.#client.send(command, { abortSignal }));
      for (const { Key = '', LastModified } of page.Contents ?? []) {
        // Without its time nothing tells whether it is old.
        const modified = LastModified?.getTime() ?? Infinity;
        yield { name: Key.slice(prefix.length), modified };
      }
      token = page.NextContinuationToken;
      if (token === undefined) return;
    }
  }

  close(): void {
    this.#client.destroy();
  }

  /**
   * Runs one call, and ends it when nothing moves for too long.
   * @param progress a number that grows while a body is sent
   */
  async #patient<T>(call: (signal: AbortSignal) => Promise<T>, progress: () => number = () => 0): Promise<T> {
    const controller = new AbortController();
    let last = progress();
    let since = performance.now();
    const timer = setInterval(() => {
      const now = progress();
      if (now !== last) [last, since] = [now, performance.now()];
      else if (performance.now() - since > SILENCE_MS) controller.abort();
    }, LOOK_MS);
    try {
      return await call(controller.signal);
    } catch (error) {
      throw failureOf(error);
    } finally {
      clearInterval(timer);
    }
  }
}

class NoSuchObject extends Error {}

/** Names the error, and never the request: its headers are signed. */
function failureOf(error: unknown): Error {
  const {
    $metadata,
    code,
    name = 'error',
  } = error as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  if (name === 'NoSuchKey') return new NoSuchObject();
  const status = $metadata?.httpStatusCode;
  log.warn(
    `the storage of files does not work: ${name} ${code ?? ''}${status === undefined ? '' : ` (${status})`}`,
  );
  return unavailable('The storage of files is away or full.');
}

function agentsOf({ url }: ProxyConfig) {
  const agent = new HttpsProxyAgent(url, { keepAlive: true });
  return { httpAgent: agent, httpsAgent: agent };
}

/** Whether the endpoint's host, or a domain that it lies in, is among those that are called straight. */
function isExcepted(endpoint: string | undefined, { except }: ProxyConfig): boolean {
  if (endpoint === undefined) return except.trim() === '*';
  const { host, hostname } = new URL(endpoint);
  return except.split(',').some((entry) => {
    const name = entry
      .trim()
      .toLowerCase()
      .replace(/^\*?\./, '');
    return (
      name !== '' && (name === '*' || name === host || name === hostname || hostname.endsWith(`.${name}`))
    );
  });
}
