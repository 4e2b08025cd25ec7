import { type RawData } from 'ws';
import { AppError, type Fault, invalid } from '../../errors';
import { codePoints } from '../../model/values/text';
import { decodeUtf8, textFaults } from '../input';

/** A request of a client's: `{"type", "data", "ref"?}`. */
export interface RequestFrame {
  type: string;
  data: Record<string, unknown>;
  ref: string | undefined;
  /** Why it can only be refused: it holds text that nothing could store. */
  fault: AppError | undefined;
}

/** A frame that is no request at all; 20 in a row end the connection. */
export class BadFrame extends AppError {
  constructor(
    code: 'malformed_json' | 'validation_failed',
    detail: string,
    readonly ref?: string,
    errors?: Fault[],
  ) {
    super(code, detail, errors);
  }
}

const REF_LENGTH = 64;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The request in a frame.
 * @param types the types that a client may send
 * @throws BadFrame
 */
export function parseFrame(
  bytes: RawData,
  isBinary: boolean,
  types: { has(type: string): boolean },
): RequestFrame {
  if (isBinary) throw new BadFrame('validation_failed', 'Frames are text.');
  let text: string;
  let value: unknown;
  try {
    text = decodeUtf8(bytes as Buffer);
    value = JSON.parse(text) as unknown;
  } catch {
    throw new BadFrame('malformed_json', 'The frame is not JSON.');
  }
  if (!isObject(value)) throw new BadFrame('validation_failed', 'The frame is not a JSON object.');
  const { data = {}, ref, type } = value;
  if (ref !== undefined && (typeof ref !== 'string' || ref === '' || codePoints(ref) > REF_LENGTH)) {
    throw badField('ref', `a string of 1 to ${REF_LENGTH} characters`);
  }
  if (typeof type !== 'string' || !types.has(type)) {
    throw badField('type', `one of the protocol's types`, ref);
  }
  if (!isObject(data)) throw badField('data', 'an object', ref);
  // As everywhere, the paths begin in what the request is about.
  const faults = textFaults(text, value).map(({ path, message }) => ({
    path: path.replace(/^data(?:\.|$)/, ''),
    message,
  }));
  return {
    type,
    data,
    ref: faults.some(({ path }) => path === 'ref') ? undefined : ref,
    fault: faults.length === 0 ? undefined : invalid(faults),
  };
}

function badField(path: string, message: string, ref?: string): BadFrame {
  return new BadFrame('validation_failed', `${path}: ${message}`, ref, [{ path, message }]);
}
