import { type Dialect } from '../../db/dialect';
import { type Run } from '../../db/statement';
import { invalidField } from '../../errors';
import { findForwarded } from '../../model/forward';
import { type Forward } from '../../model/values/message-content';
import { jsonDepth, MAX_JSON_DEPTH } from '../../model/values/text';
import { copyJson } from '../../views/message';

/** As much as a body may hold. */
const MAX_LENGTH = 256 * 1024;
/** A message lies this deep in a response, and what a client gets it may send back. */
const OUTER_DEPTH = 4;

/**
 * The content of a forward, with a copy of the message that it names, as JSON text.
 * @param senderId who forwards; null: the platform, which may read everything
 * @throws AppError `validation_failed` at `path` when the sender may not read it, or copies lie in copies too deep
 */
export async function forwardedContent(
  run: Run,
  dialect: Dialect,
  forward: Forward,
  senderId: string | null,
  path = 'content',
): Promise<string> {
  const source = await findForwarded(run, dialect, forward, senderId);
  if (source === undefined) throw invalidField(path, 'no message that the sender may read');
  const content = `{"session_id":${JSON.stringify(forward.session_id)},"message_id":${forward.message_id},"message":${copyJson(source)}}`;
  if (jsonDepth(content) > MAX_JSON_DEPTH - OUTER_DEPTH || content.length > MAX_LENGTH) {
    throw invalidField(path, 'a message that was forwarded too often');
  }
  return content;
}
