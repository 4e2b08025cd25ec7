import supertest from 'supertest';

/** Sends what a curl command of the documentation says, where `$IM` is `url` and `$KEY` is `key`. */
export function curlRequest(url: string, key: string, command: string) {
  const method = (/ -X (\w+)/.exec(command)?.[1] ?? 'GET').toLowerCase() as 'get' | 'post' | 'put' | 'delete';
  const address = /"\$IM([^"]+)"/.exec(command)?.[1];
  if (address === undefined) throw new Error(`no address: ${command}`);
  const request = supertest(url)[method](address);
  for (const [, quoted = '', name = '', value = ''] of command.matchAll(/ -H (["'])([\w-]+): (.+?)\1/g)) {
    request.set(name, quoted === '"' ? value.replace('$KEY', key) : value);
  }
  const body = / -d '(.+)'$/s.exec(command)?.[1]?.replaceAll("'\\''", "'");
  // Sent as the text that it is: that it is JSON is for the server to find.
  return body === undefined ? request : request.serialize(() => body).send(body);
}
