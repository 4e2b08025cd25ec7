import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { runOperatorCommand } from '../model/operator-command';
import { removeFolder, temporaryFolder } from '../support/processes';
import { amr, jpeg } from './fixtures';
import { FileServer } from './upload-client';

describe('npm run export -- --with-files', () => {
  const folder = temporaryFolder('im-export-files-');
  let files: FileServer;
  const url = `sqlite:${path.join(folder, 'im.db')}`;
  let environment: Record<string, string>;

  before(async () => {
    files = await FileServer.start({ IM_DATABASE_URL: url });
    environment = { IM_DATABASE_URL: url, IM_FILES: `file:${files.folder}`, IM_PROFILE: 'test' };
    await files.server.users('P1');
    await files.server.session('s', 1, 'P1');
    for (const [type, content, more] of [
      [3, amr, { duration: 1 }],
      [2, await jpeg(600, 600), {}],
    ] as const) {
      const id = await files.file(content, { userId: 'P1', name: '原名' });
      await files.server
        .request('post', '/sessions/s/messages')
        .send({ sender_id: 'P1', type, content: { file_id: id, ...more } })
        .expect(201);
    }
    await files.file(amr, { userId: 'P1' });
  });
  after(async () => {
    await files.stop();
    removeFolder(folder);
  });

  const run = (...args: string[]) => runOperatorCommand('export', args, environment);

  it('writes the files beside the lines, which name them and hold no address', async () => {
    const out = path.join(folder, 's.jsonl');
    const outcome = await run('--session', 's', '--out', out, '--with-files');
    should(outcome.status).equal(0, outcome.stderr);
    const text = readFileSync(out, 'utf8');
    should(text).not.containEql('sig=');
    const lines = text
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            kind: string;
            file?: { path: string; size: number; name: string };
            files?: number;
          },
      );
    const named = lines.filter(({ kind }) => kind === 'file').map(({ file }) => file!);
    should(named.length).equal(2);
    should(lines.at(-1)!.files).equal(2);
    for (const file of named) {
      should(file.name).equal('原名');
      should(statSync(path.join(folder, file.path)).size).equal(file.size);
    }
  });

  it('leaves one whole where two are made under one name at once', async () => {
    const out = path.join(folder, 'twice.jsonl');
    const both = await Promise.all([1, 2].map(() => run('--session', 's', '--out', out, '--with-files')));
    both
      .map(({ status }) => status)
      .sort()
      .should.eql([0, 1]);
    should(readdirSync(`${out}.files`).length).equal(2);
    should(readFileSync(out, 'utf8').trim().split('\n').at(-1)).containEql('"files":2');
  });

  it('needs a file to write beside, and a folder that is not there', async () => {
    should((await run('--session', 's', '--with-files')).status).equal(64);
    const out = path.join(folder, 'again.jsonl');
    mkdirSync(`${out}.files`);
    should((await run('--session', 's', '--out', out, '--with-files')).status).equal(1);
    should(existsSync(out)).be.false();
  });
});
