import { z } from 'zod';
import { isFileId } from './file-id';
import { messageId, sessionId } from './identifiers';
import { httpUrl, text } from './text';

/** The seed's numbers, and 14 for calls. */
export const MESSAGE_TYPE = {
  system: 0,
  text: 1,
  image: 2,
  voice: 3,
  article: 4,
  jump: 5,
  topicStart: 6,
  topicEnd: 7,
  forwarded: 8,
  forwardedImage: 9,
  afterTopic: 10,
  video: 12,
  call: 14,
} as const;

/** Types of a doctor's message that count as the reply to an open topic. */
export const REPLY_TYPES: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 8, 9, 12, 14]);

const seconds = z.number().nonnegative().max(86_400).meta({ example: 12 });
const pixels = z.number().int().positive().max(1_000_000);
const title = text(1, 300).meta({ example: '高血压患者的饮食' });

/** A file that was uploaded here; see section "Files" of doc/api.md. */
const fileId = z
  .string()
  .refine(isFileId, 'the id of a file that was uploaded')
  .meta({ example: '5f0c9c1e2d1b4b0e9a7e0d3c5f1a2b3c.1600x1200.t' });

/** Content that names a file of ours, or, without `file_id`, a place elsewhere by its `url`. */
function fileOr<File extends z.ZodObject, Place extends z.ZodObject>(file: File, place: Place) {
  const namesFile = (value: unknown) =>
    typeof value === 'object' && value !== null && (value as { file_id?: unknown }).file_id !== undefined;
  return z
    .unknown()
    .transform((value, context): z.output<File> | z.output<Place> => {
      const checked = (namesFile(value) ? file : place).safeParse(value);
      if (checked.success) return checked.data;
      for (const { message, path } of checked.error.issues)
        context.addIssue({ code: 'custom', message, path });
      return z.NEVER;
    })
    .meta({ anyOf: [file, place].map((each) => schemaOf(each)) });
}

function schemaOf(schema: z.ZodObject): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

const image = fileOr(
  z.object({ file_id: fileId }),
  z.object({
    url: httpUrl,
    thumbnail: httpUrl.optional(),
    width: pixels.optional(),
    height: pixels.optional(),
  }),
);

/** Text of a message, and of what is said after a topic's end. */
export const messageText = text(1, 5000).meta({ example: '您好,今天血压怎么样?' });

/** An object of the platform's own: it is kept as it was written, see `contentText`. */
const jsonObject = z
  .unknown()
  .refine(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'a string or an object',
  )
  .meta({ type: 'object', additionalProperties: {} });

/** What the platform says: a string, or an object of its own. */
export const systemContent = z.union([z.string(), jsonObject]);

/** What a client may send, by type; all other types are reserved or written by the server alone. */
const SENDABLE = {
  0: systemContent,
  1: messageText,
  2: image,
  3: fileOr(z.object({ file_id: fileId, duration: seconds }), z.object({ url: httpUrl, duration: seconds })),
  4: z.object({ title, url: httpUrl, summary: text(0, 2000).optional(), image: httpUrl.optional() }),
  5: fileOr(z.object({ title, file_id: fileId }), z.object({ title, url: httpUrl })),
  8: z.object({ session_id: sessionId, message_id: messageId }),
  9: image,
  12: fileOr(
    z.object({ file_id: fileId, duration: seconds, cover_file_id: fileId.optional() }),
    z.object({ url: httpUrl, cover: httpUrl.optional(), duration: seconds }),
  ),
} as const;

const TITLES = {
  0: 'system (the backend alone)',
  1: 'text',
  2: 'image',
  3: 'voice',
  4: 'article',
  5: 'jump',
  8: 'forwarded message',
  9: 'forwarded image',
  12: 'short video',
} as const satisfies Record<keyof typeof SENDABLE, string>;

const typed = <T extends keyof typeof SENDABLE>(type: T) =>
  z.object({ type: z.literal(type), content: SENDABLE[type] }).meta({ title: TITLES[type] });

const VARIANTS = [
  typed(0),
  typed(1),
  typed(2),
  typed(3),
  typed(4),
  typed(5),
  typed(8),
  typed(9),
  typed(12),
] as const;

const TYPES = Object.keys(SENDABLE).join(', ');

/** `{type, content}` of a message that a client sends. */
export const messageInput = z
  .discriminatedUnion('type', VARIANTS, `one of ${TYPES}; the others are reserved`)
  .refine(() => false, {
    path: ['content'],
    error: 'required',
    // Without a type nothing tells which content would be right, but that there is none is a fault of its own.
    when: ({ issues, value }) =>
      issues.some(({ path }) => path?.length === 1 && path[0] === 'type') &&
      (value as { content?: unknown }).content === undefined,
  })
  .meta({ id: 'MessageInput', description: 'The content that each type of message takes' });

export type MessageInput = z.infer<typeof messageInput>;
export type Forward = z.infer<(typeof SENDABLE)[8]>;

/** The same with more fields beside, in one object: takes what the intersection of both takes, in a third of the time. */
export function messageInputWith(fields: z.ZodRawShape) {
  const extended = VARIANTS.map((variant) => (variant as z.ZodObject).extend(fields));
  return z.discriminatedUnion('type', extended as [z.ZodObject, ...z.ZodObject[]]);
}

/** The JSON text of a content as its sender wrote it. */
export type ContentSource = () => string | undefined;

/** What is stored of a content: JSON text. A type 0 object stays as it was written, with all digits and its keys in their order. */
export function contentText(
  { content, type }: MessageInput,
  source: ContentSource = () => undefined,
): string {
  const written = type === MESSAGE_TYPE.system && typeof content !== 'string' ? source() : undefined;
  return written ?? JSON.stringify(content);
}

/** Types whose text a search looks through. */
export const SEARCHABLE_TYPES: readonly number[] = [
  MESSAGE_TYPE.system,
  MESSAGE_TYPE.text,
  MESSAGE_TYPE.article,
  MESSAGE_TYPE.jump,
  MESSAGE_TYPE.afterTopic,
];

/** The texts of a message that people read as its own: of an object its title, of an article its summary, too. */
export function searchableTexts(type: number, content: unknown): string[] {
  if (!SEARCHABLE_TYPES.includes(type)) return [];
  if (typeof content === 'string') return [content];
  const { summary, title } = (content ?? {}) as { title?: unknown; summary?: unknown };
  const texts = type === MESSAGE_TYPE.article ? [title, summary] : [title];
  return texts.filter((each) => typeof each === 'string');
}
