import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { type IncomingMessage } from 'node:http';
import path from 'node:path';
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { USER_REQUIRED } from '../../commands/access/access';
import { type Received } from '../../commands/files/upload';
import { AppError, type Fault, invalid, invalidField, unavailable } from '../../errors';
import { describeError, log } from '../../logger';
import { answerBrokenRequest } from './broken-request';

/** What a body may hold beside its file. */
const SLACK_BYTES = 64 * 1024;
const FIELD_BYTES = 1024;
/** A client that sends nothing for so long is gone. */
const SILENCE_MS = 30_000;

/** A body that was received: its file, and the user whom it names. */
export interface Upload {
  file: Received;
  userId: string | undefined;
}

/**
 * Receives a `multipart/form-data` body (RFC 7578), its file into a new file of `folder`. Nothing is kept in memory but what
 * goes through it, and where it throws nothing is left in the folder.
 * @param needsUser whether the body has to name a user
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `validation_failed`, `unavailable`
 */
export async function receiveUpload(
  request: IncomingMessage,
  folder: string,
  maxBytes: number,
  needsUser: boolean,
): Promise<Upload> {
  const { headers } = request;
  if (!/^multipart\/form-data(?:;|\s|$)/i.test(headers['content-type'] ?? '')) {
    throw new AppError('unsupported_media_type', 'The body has to be multipart/form-data.');
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new AppError('unsupported_media_type', 'The body has to come without a content encoding.');
  }
  if (Number(headers['content-length']) > maxBytes + SLACK_BYTES) throw tooLarge(maxBytes);
  const target = path.join(folder, randomUUID());
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await new Reception(request, target, maxBytes, needsUser).ended;
  } catch (error) {
    await rm(target, { force: true }).catch(() => undefined);
    if (error instanceof AppError) throw error;
    log.warn(`an upload could not be written: ${describeError(error)}`);
    throw unavailable('The storage of files is away or full.');
  }
}

function tooLarge(maxBytes: number): AppError {
  // What is still coming can't be told from a next request: the connection ends with the answer.
  return new AppError('payload_too_large', `A file has ${maxBytes} bytes at most.`, undefined, {
    Connection: 'close',
  });
}

const BROKEN = 'a multipart body that is whole, with its boundary';

/** One body on its way. */
class Reception {
  readonly ended: Promise<Upload>;
  readonly #faults: Fault[] = [];
  readonly #userIds: string[] = [];
  #file: { name: string | undefined; stream: Readable; written: Promise<number> } | undefined;
  #resolve: (upload: Upload) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #bytes = 0;

  constructor(
    private readonly request: IncomingMessage,
    private readonly target: string,
    private readonly maxBytes: number,
    private readonly needsUser: boolean,
  ) {
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#receive();
  }

  #receive(): void {
    const { request } = this;
    const parser = this.#parser();
    if (parser === undefined) {
      this.#reject(invalidField('file', BROKEN));
      return;
    }
    const timer = setTimeout(() => {
      answerBrokenRequest(
        Object.assign(new Error('silent'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
        request.socket,
      );
      fail(invalidField('file', BROKEN));
    }, SILENCE_MS);
    const onData = (chunk: Buffer) => {
      timer.refresh();
      this.#bytes += chunk.length;
      if (this.#bytes > this.maxBytes + SLACK_BYTES) fail(tooLarge(this.maxBytes));
    };
    const onClose = () => {
      // Also a body that came whole, of a client that went before it was read: nobody reads the rest of it any more.
      if (!request.readableEnded) fail(invalidField('file', BROKEN));
    };
    const settle = () => {
      clearTimeout(timer);
      request.off('data', onData);
      request.off('close', onClose);
      request.unpipe(parser);
      // What still comes is of no use, but must be read, or the client would not read its answer.
      request.resume();
    };
    const fail = (error: unknown) => {
      settle();
      parser.destroy();
      // The file must not be written any more when it is removed.
      this.#file?.stream.destroy();
      void this.#file?.written.catch(() => undefined).then(() => this.#reject(error));
      if (this.#file === undefined) this.#reject(error);
    };
    parser.on('file', (_field, stream, name: string | undefined) => {
      this.#onFile(stream, name, fail);
    });
    parser.on('field', (field, value, _nameCut, valueCut) => {
      if (field === 'user_id') this.#userIds.push(valueCut ? `${value}…` : value);
    });
    parser.once('error', () => fail(invalidField('file', BROKEN)));
    parser.once('finish', () => {
      settle();
      void this.#finish();
    });
    request.on('data', onData);
    request.on('close', onClose);
    request.pipe(parser);
    // The client may have gone before anybody listened.
    if (request.closed) onClose();
  }

  /** undefined: the header names no boundary */
  #parser(): BusboyInstance | undefined {
    try {
      return new Busboy({
        headers: this.request.headers as BusboyHeaders,
        // What is the file is told by the part's name alone; its own name may be missing.
        isPartAFile: (field) => field === 'file',
        preservePath: true,
        limits: { fileSize: this.maxBytes, fieldSize: FIELD_BYTES },
      });
    } catch {
      return undefined;
    }
  }

  #onFile(stream: Readable, name: string | undefined, fail: (error: unknown) => void): void {
    if (this.#file !== undefined) {
      this.#faults.push({ path: 'file', message: 'given once' });
      stream.on('error', () => undefined).resume();
      return;
    }
    stream.once('limit', () => fail(tooLarge(this.maxBytes)));
    const output = createWriteStream(this.target, { flags: 'wx', mode: 0o600 });
    const written = pipeline(stream, output).then(() => output.bytesWritten);
    written.catch(fail);
    this.#file = { name, stream, written };
  }

  async #finish(): Promise<void> {
    const file = this.#file;
    const size = await file?.written.catch(() => 0);
    if (file === undefined) this.#faults.push({ path: 'file', message: 'required' });
    else if (size === 0) this.#faults.push({ path: 'file', message: 'a file that is not empty' });
    if (this.needsUser && this.#userIds.length === 0)
      this.#faults.push({ path: 'user_id', message: USER_REQUIRED });
    if (this.#userIds.length > 1) this.#faults.push({ path: 'user_id', message: 'given once' });
    if (this.#faults.length > 0 || size === undefined) this.#reject(invalid(this.#faults));
    else this.#resolve({ file: { path: this.target, size, name: file?.name }, userId: this.#userIds[0] });
  }
}
