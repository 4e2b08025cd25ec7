import { type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { actingUser } from '../../../commands/access/access';
import { type Principal } from '../../../commands/access/tokens';
import { thumbnailOf } from '../../../commands/files/objects';
import { readableFile } from '../../../commands/files/read-file';
import { forgetReceived, requireStore, storeUpload } from '../../../commands/files/upload';
import { type Services } from '../../../commands/services';
import { type FileRow } from '../../../db/schema';
import { forbidden, notFound } from '../../../errors';
import { log } from '../../../logger';
import { isId, SYSTEM_USER } from '../../../model/values/identifiers';
import { fileView } from '../../../views/file';
import { EXPOSED, namesTag, requestedRange } from '../byte-ranges';
import { receiveUpload } from '../multipart';
import { type ApiRequest, type Reply, type Route, route } from '../route';
import { wire } from '../schemas';

const fileQuery = z.object({
  exp: z.string().optional().meta({ description: 'from the address in a message', example: '1796083200' }),
  sig: z.string().optional().meta({ description: 'from the address in a message' }),
  size: z
    .literal('thumbnail')
    .optional()
    .meta({ description: 'a small picture; a file without one gives itself' }),
});

/** Whoever has a good address may read that one file as the platform may. */
const LINK_HOLDER: Principal = { kind: 'backend' };

/**
 * The one who asks with a signature; undefined: the query holds none.
 * @throws AppError `forbidden` when anything about it is wrong, whatever other credentials there are
 */
function linkHolder(
  { fileLinks }: Services,
  { url = '' }: IncomingMessage,
  params: Record<string, string>,
): Principal | undefined {
  const at = url.indexOf('?');
  const query = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const [expires, ...moreExpires] = query.getAll('exp');
  const [signature, ...moreSignatures] = query.getAll('sig');
  if (expires === undefined && signature === undefined) return undefined;
  const isOne = moreExpires.length === 0 && moreSignatures.length === 0;
  if (isOne && fileLinks.isGood(params.file_id ?? '', expires ?? '', signature ?? '')) return LINK_HOLDER;
  throw forbidden('The address is not valid, or no longer.');
}

async function upload({ context, principal, request }: ApiRequest<unknown, unknown>): Promise<Reply> {
  const { incoming } = requireStore(context);
  const { fileMaxBytes } = context.config;
  const needsUser = principal.kind === 'backend';
  const { file, userId } = await receiveUpload(request, incoming, fileMaxBytes, needsUser);
  try {
    const uploader = actingUser(principal, userId);
    if (uploader !== SYSTEM_USER.id && !isId('user', uploader)) throw notFound('user');
    const row = await storeUpload(context, uploader, file);
    return { status: 201, body: fileView(row, context.fileLinks) };
  } finally {
    await forgetReceived(file);
  }
}

/** The object that is asked for: the file itself, or its thumbnail. */
function objectOf({ id, mime, size, thumbnail_mime, thumbnail_size }: FileRow, isThumbnail: boolean) {
  return isThumbnail && thumbnail_mime !== null && thumbnail_size !== null
    ? { name: thumbnailOf(id), mime: thumbnail_mime, size: thumbnail_size }
    : { name: id, mime, size };
}

const FIRST_BYTE = { start: 0, end: 0 };

async function download(
  { context, headOnly, params, principal, request }: ApiRequest<unknown, unknown>,
  isThumbnail: boolean,
): Promise<Reply> {
  const row = await readableFile(context, principal, params.file_id ?? '');
  const { fileStore } = context;
  if (fileStore === undefined) throw notFound('file');
  const { mime, name, size } = objectOf(row, isThumbnail);
  // A file never changes, so its name is its version.
  const tag = `"${name}"`;
  const headers = { ...HEADERS, ETag: tag, 'Content-Disposition': disposition(row) };
  const { 'if-none-match': known, 'if-range': condition, range: asked } = request.headers;
  if (namesTag(known, tag)) return { status: 304, stream: { headers } };
  const ignored = headOnly || (condition !== undefined && condition !== tag);
  const range = ignored ? undefined : requestedRange(asked, size);
  // HEAD has to answer as GET does: one byte tells whether the object is there.
  const content = await fileStore.open(name, headOnly ? FIRST_BYTE : range);
  if (content === undefined) {
    log.error(`the object of the file ${row.id} is missing`);
    throw notFound('file');
  }
  if (headOnly) content.destroy();
  const length = range === undefined ? size : range.end - range.start + 1;
  const part = range && { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` };
  return {
    status: range === undefined ? 200 : 206,
    stream: {
      headers: { ...headers, ...part, 'Content-Type': mime, 'Content-Length': String(length) },
      content: headOnly ? undefined : content,
    },
  };
}

/** Whatever a file holds, no browser runs it here; and pages of any origin may show it, as they may not read it. */
const HEADERS = {
  'Accept-Ranges': 'bytes',
  'Cache-Control': 'private, max-age=600',
  'Content-Security-Policy': 'sandbox',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  ...EXPOSED,
};

/** RFC 6266, with the name in ASCII for whoever knows nothing else. */
function disposition({ mime, name }: FileRow): string {
  const kind = mime === 'application/pdf' ? 'attachment' : 'inline';
  const ascii = name.replace(/[^ -~]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

const uploadBody = z.object({
  file: z.string().meta({ format: 'binary', description: 'a picture, a sound, a video or a pdf' }),
  user_id: z
    .string()
    .optional()
    .meta({ description: 'for the backend, which has to name the user, or `system`' }),
});

export const fileRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/',
    who: 'user',
    summary: 'Upload a file; a message that names it within a day keeps it',
    multipart: uploadBody,
    problems: ['forbidden', 'not_found', 'rate_limited'],
    responses: { 201: { description: 'kept', schema: wire.file } },
    handle: upload,
  }),
  route({
    method: 'GET',
    path: '/:file_id',
    who: 'user',
    summary: "A file's bytes, or those of its thumbnail; ranges are served",
    query: fileQuery,
    link: linkHolder,
    problems: ['forbidden', 'range_not_satisfiable'],
    responses: {
      200: { description: 'all of it', schema: null },
      206: { description: 'the part that `Range` asks for', schema: null },
    },
    handle: (call) => download(call, call.query.size === 'thumbnail'),
  }),
];
