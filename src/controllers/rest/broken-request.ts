import { randomUUID } from 'node:crypto';
import { type ServerResponse } from 'node:http';
import { type Duplex } from 'node:stream';
import { bareAnswer } from '../bare-answer';

const STATUS_LINES: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * Answers what Node could not read as a request, with the status that it would give by itself; but every response carries
 * an `X-Request-Id`.
 * @param last the last response on this connection, if there was one
 */
export function answerBrokenRequest(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  last?: ServerResponse,
): void {
  // What broke may be the rest of a request that has its answer, or come while an answer is being sent.
  const isAnswered = last?.headersSent === true && !(last.writableEnded && last.req.complete);
  if (socket.writable && !isAnswered) {
    const status = STATUS_LINES[error.code ?? ''] ?? '400 Bad Request';
    socket.write(bareAnswer(status, randomUUID()));
  }
  socket.destroy(error);
}
