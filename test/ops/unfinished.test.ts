import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { builtSource } from '../support/built-source';
import { removeFolder, temporaryFolder } from '../support/processes';

describe('What an operator’s command has not finished', () => {
  let folder: string;
  before(() => (folder = temporaryFolder('im-unfinished-')));
  after(() => removeFolder(folder));

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`goes with it at ${signal}`, async () => {
      const file = path.join(folder, signal);
      const child = spawn(process.execPath, [
        '-e',
        `const { removedIfUnfinished } = require(${JSON.stringify(path.join(builtSource(), 'unfinished.js'))});
         removedIfUnfinished(${JSON.stringify(file)}, async () => {
           require('fs').mkdirSync(${JSON.stringify(file)});
           require('fs').writeFileSync(${JSON.stringify(path.join(file, 'x'))}, 'x');
           console.log('made');
           await new Promise((resolve) => setTimeout(resolve, 30_000));
         });`,
      ]);
      await once(child.stdout, 'data');
      should(existsSync(file)).be.true();
      child.kill(signal);
      should((await once(child, 'exit'))[0]).equal(status);
      should(existsSync(file)).be.false();
    });
  }
});
