import { type IncomingMessage } from 'node:http';
import { AppError, type Fault, invalid } from '../../errors';
import { decodeUtf8, textFaults } from '../input';

export const MAX_BODY_BYTES = 256 * 1024;
const CHARSETS = new Set(['charset=utf-8', 'charset="utf-8"']);

/** `application/json`, with or without a charset, which can only be UTF-8 (RFC 8259, section 8.1). */
function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  const [type, ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) =>
      part
        .split('=')
        .map((side) => side.trim())
        .join('='),
    );
  return type === 'application/json' && parameters.every((each) => each === '' || CHARSETS.has(each));
}

export interface JsonBody {
  value: unknown;
  /** What `value` was parsed from. */
  text: string;
  /** Texts in it that nothing could store: the request can only be refused. */
  faults: readonly Fault[];
}

/**
 * The body's JSON; undefined when there is none.
 * @param onEnd called when it has come in, or when there is none
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `malformed_json`, `validation_failed`
 */
export async function readJsonBody(
  request: IncomingMessage,
  onEnd: () => void = () => undefined,
): Promise<JsonBody | undefined> {
  const { headers } = request;
  const announced = headers['content-length'];
  if ((announced === undefined || announced === '0') && headers['transfer-encoding'] === undefined) {
    onEnd();
    return undefined;
  }
  if (!isJson(headers['content-type'] ?? '')) {
    throw new AppError('unsupported_media_type', 'The body has to be application/json in UTF-8.');
  }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new AppError('unsupported_media_type', 'The body has to come without a content encoding.');
  }
  if (Number(announced) > MAX_BODY_BYTES) throw tooLarge();
  const bytes = await readBytes(request);
  onEnd();
  if (bytes.length === 0) return undefined;
  return parseJson(bytes);
}

function tooLarge(): AppError {
  // What is still coming can't be told from a next request: the connection ends with the answer.
  return new AppError('payload_too_large', `A body has ${MAX_BODY_BYTES} bytes at most.`, undefined, {
    Connection: 'close',
  });
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.off('data', onData);
        request.resume();
        reject(tooLarge());
        return;
      }
      chunks.push(chunk);
    };
    // A promise is settled once: `on` will do, and costs less than `once`.
    request.on('data', onData);
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)),
    );
    // It comes after any error, too, which nobody needs to hear of beside it.
    request.on('close', () => {
      if (!request.complete) reject(new AppError('malformed_json', 'The body ended too early.'));
    });
  });
}

const BYTE_ORDER_MARK = '\ufeff';

function parseJson(bytes: Buffer): JsonBody {
  let text: string;
  let value: unknown;
  try {
    text = decodeUtf8(bytes);
    if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
    value = JSON.parse(text) as unknown;
  } catch {
    throw new AppError('malformed_json', 'The body is not JSON in UTF-8.');
  }
  const faults = textFaults(text, value);
  // What is nested too deep is not looked at any further.
  if (faults.some(({ path }) => path === '')) throw invalid(faults);
  return { value, text, faults };
}
