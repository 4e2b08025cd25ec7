import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import express from 'express';
import should from 'should';
import { nativeClasses } from '../../src/controllers/native-classes';

describe('Requests and responses', () => {
  /** Whether V8 keeps the properties of an object in places that it knows, not in a dictionary. */
  let isFast: (object: object) => boolean;

  before(() => {
    setFlagsFromString('--allow-natives-syntax');
    isFast = runInNewContext('(object) => %HasFastProperties(object)') as typeof isFast;
    // It is compiled when it is first called.
    isFast({});
    setFlagsFromString('--no-allow-natives-syntax');
  });

  it("are Express's from the start, and no dictionaries", async () => {
    const seen: { request: IncomingMessage; response: ServerResponse; kept: boolean; fast: boolean }[] = [];
    const app = express();
    app.use((request, response) => void response.json({ path: request.path }));
    const server = createServer(nativeClasses(app), (request, response) => {
      const kept =
        Object.getPrototypeOf(request) === app.request && Object.getPrototypeOf(response) === app.response;
      seen.push({ request, response, kept, fast: isFast(request) && isFast(response) });
      void app(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      for (let count = 0; count < 20; count += 1) {
        const answer = await fetch(`http://127.0.0.1:${port}/x${count}`, { method: 'POST', body: 'text' });
        should(await answer.json()).eql({ path: `/x${count}` });
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
    should(seen).have.length(20);
    should(seen.every(({ kept }) => kept)).be.true();
    should(seen.every(({ fast }) => fast)).be.true();
    // What Express adds has its place, too.
    should(seen.filter(({ request }) => isFast(request))).have.length(20);
    should(seen.filter(({ response }) => isFast(response))).have.length(20);
  });
});
