import { NO_SNIFFING } from './rest/request-id';

/**
 * The bytes of an answer without a body that ends the connection, for what has no response object: a request that could not be
 * read, or a refused upgrade.
 */
export function bareAnswer(
  status: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const fields = {
    ...headers,
    'X-Request-Id': requestId,
    [NO_SNIFFING]: 'nosniff',
    'Content-Length': '0',
    Connection: 'close',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`;
}
