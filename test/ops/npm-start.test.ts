import should from 'should';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { builtSource } from '../support/built-source';
import { freePort } from '../support/free-port';
import { findProgram, removeFolder, temporaryFolder } from '../support/processes';
import { waitUntil } from '../support/wait-until';

const ROOT = path.resolve(__dirname, '../..');
const NPM = findProgram('npm');

describe('npm', function () {
  // Elsewhere there are no signals between processes.
  if (process.platform === 'win32' || NPM === undefined) return;
  this.timeout(90_000);
  let folder: string;

  before(() => {
    folder = temporaryFolder('im-npm-');
    copyFileSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
    symlinkSync(builtSource(), path.join(folder, 'dist'));
  });

  after(() => removeFolder(folder));

  for (const command of [['start'], ['run', 'armour']]) {
    it(`${command.join(' ')} stops the server on SIGTERM, waits for it and ends as it does`, async () => {
      const port = await freePort();
      // The build before it is a matter of its own.
      const child = spawn(NPM, [...command, '--ignore-scripts'], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, IM_PROFILE: 'test', IM_PORT: String(port) },
        // A group of its own, so that nothing is left behind when the test fails.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      }
      // Not 'close': a server that is left behind keeps the pipes open.
      const ended = once(child, 'exit');
      try {
        await waitUntil(
          () => said.includes('Database:'),
          40_000,
          () => said,
        );
        child.kill('SIGTERM');
        should(await ended).eql([0, null]);
        await should(fetch(`http://127.0.0.1:${port}/health/live`)).be.rejected();
      } finally {
        if (child.pid !== undefined) endGroup(child.pid);
      }
    });
  }
});

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
