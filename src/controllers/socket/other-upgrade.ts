import { type IncomingMessage, type Server } from 'node:http';
import { type Duplex } from 'node:stream';

/** What belongs to the upgrade alone (RFC 9110, section 7.6.1; RFC 7540, section 3.2.1). */
const LEFT_OUT = new Set(['connection', 'upgrade', 'http2-settings']);

export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Serves a request that asks for another protocol as if it did not: an upgrade may be ignored (RFC 9110, section 7.8), and
 * some HTTP clients, such as Java's, ask for HTTP/2 with the first request of each connection. Node hands every such
 * request to the WebSocket door, so it is read once more, without the asking.
 * @param head what came after the request's head
 */
export function serveWithoutUpgrade(
  http: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { method = 'GET', rawHeaders, url = '/' } = request;
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!LEFT_OUT.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`);
  }
  // Node reads a request's head as Latin-1.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  http.emit('connection', socket);
}
