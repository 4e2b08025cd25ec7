import { MESSAGE_TYPE } from './message-content';

/** A file that a message is to name. */
export interface NamedFile {
  field: 'file_id' | 'cover_file_id';
  id: string;
  takes: Taker;
}

/** Whether a file of this kind may stand there, and what may. */
interface Taker {
  readonly what: string;
  test(mime: string): boolean;
}

const PICTURE: Taker = { what: 'a picture', test: (mime) => mime.startsWith('image/') };
const SOUND: Taker = {
  what: 'a sound, or an mp4 or webm',
  test: (mime) => mime.startsWith('audio/') || mime === 'video/mp4' || mime === 'video/webm',
};
const VIDEO: Taker = { what: 'a video', test: (mime) => mime.startsWith('video/') };
const PDF: Taker = { what: 'a pdf', test: (mime) => mime === 'application/pdf' };

/** Types whose content may name a file of ours, and of what kind. */
const TAKERS: ReadonlyMap<unknown, Taker> = new Map([
  [MESSAGE_TYPE.image, PICTURE],
  [MESSAGE_TYPE.forwardedImage, PICTURE],
  [MESSAGE_TYPE.voice, SOUND],
  [MESSAGE_TYPE.video, VIDEO],
  [MESSAGE_TYPE.jump, PDF],
]);

type Content = Record<string, unknown>;

function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The files that a message of this type and content names; a copy in it is not looked into. */
export function filesNamedBy(type: unknown, content: unknown): NamedFile[] {
  const takes = TAKERS.get(type);
  if (takes === undefined || !isObject(content)) return [];
  const named: NamedFile[] = [];
  const { cover_file_id: cover, file_id: file } = content;
  if (typeof file === 'string') named.push({ field: 'file_id', id: file, takes });
  if (typeof cover === 'string') named.push({ field: 'cover_file_id', id: cover, takes: PICTURE });
  return named;
}

/** The message itself, or in a forward, which may lie in others, the one that was forwarded first. */
export function originalOf(message: { type: unknown; content: unknown }): {
  type: unknown;
  content: unknown;
} {
  const { content, type } = message;
  if (type !== MESSAGE_TYPE.forwarded || !isObject(content) || !isObject(content.message)) return message;
  const { content: inner, type: innerType } = content.message;
  return originalOf({ type: innerType, content: inner });
}
