import { readFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { APP_KEY, TestServer } from '../support/server';
import { curlRequest } from './curl';

const TEXT = readFileSync(path.join(__dirname, '..', '..', 'doc', 'api.md'), 'utf8');

/** Every curl of the page, in its order, with the status and the beginning of the answer that the page promises. */
const EXAMPLES = [...TEXT.matchAll(/^curl (?:[^\n]*\\\n)*[^\n]*\n# (\d{3})([^\n]*)/gm)].map(
  ([command, status, answer = '']) => ({
    command: command.split('\n#')[0]!,
    status: Number(status),
    answer: answer.trim(),
  }),
);

describe('doc/api.md', () => {
  let server: TestServer;
  before(async () => {
    server = await TestServer.start();
  });
  after(() => server.stop());

  it('has examples', () => EXAMPLES.length.should.be.above(10));

  for (const { command, status, answer } of EXAMPLES) {
    it(`${command.split(' \\')[0]!.replace(/ -H .*/, '')} → ${status}`, async () => {
      const response = await curlRequest(server.url, APP_KEY, command);
      response.status.should.equal(status, response.text);
      // What the page shows between its … stands in the answer, in this order.
      let from = 0;
      for (const part of answer.split('…').filter((each) => each.length > 1)) {
        const at = response.text.indexOf(part, from);
        should(at).be.aboveOrEqual(0, `${part} in ${response.text}`);
        from = at + part.length;
      }
    });
  }
});
