import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import should from 'should';
import { exportSession } from '../../src/commands/maintenance/export-session';
import { builtSource } from '../support/built-source';
import { eachDatabase } from '../support/databases';
import { removeFolder, temporaryFolder } from '../support/processes';
import { TestServer } from '../support/server';
import { type Outcome, runOperatorCommand } from './operator-command';

interface Line {
  kind: string;
  [field: string]: unknown;
}

interface Message {
  id: number;
  content: unknown;
}

const MESSAGES = 450;
/** What JSON, a terminal or a file may trip over. */
const AWKWARD = [
  '👩‍⚕️ 您好',
  '"quoted" \\ and\nbroken',
  '\u2028\u2029',
  '<script>',
  '\u202Eright to left',
  '}{',
];

function parse(text: string): Line[] {
  should(text).endWith('\n');
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const messagesOf = (lines: readonly Line[]) =>
  lines.filter(({ kind }) => kind === 'message').map(({ message }) => message as Message);

eachDatabase(
  'npm run export',
  (kind) => {
    let server: TestServer;
    let url: string;
    let folder: string;

    before(async function () {
      // The first to need it waits until all of src is translated.
      this.timeout(60_000);
      builtSource();
      folder = temporaryFolder('im-export-');
      url = await kind.freshUrl();
      server = await TestServer.start({ IM_DATABASE_URL: url, IM_SEND_RATE: '100000' });
      await server.users('P1', 'D1', 'D2');
      await server.session('S1', 1, 'P1', 'D1', 'D2');
      await server.session('S2', 2, 'P1', 'D1');
      await server.session('empty', 3, 'D1', 'D2');
      for (const [topic, name] of [
        ['T1', '头疼'],
        ['T2', '发烧'],
      ] as const) {
        await server
          .request('post', `/sessions/${topic}/topics`)
          .send({ session_id: 'S1', user_id: 'P1', name, description: '三天了' })
          .expect(201);
        if (topic === 'T1') {
          await server
            .request('put', '/sessions/S1/topics/T1/ended')
            .send({ user_id: 'D1', message: '祝早日康复' })
            .expect(200);
        }
      }
      for (const text of AWKWARD) await server.send('S1', 'D1', text);
      // Another session's in the same table, so that ids have gaps.
      await server.session('S3', 1, 'P1', 'D1');
      await sendMany(MESSAGES);
      await server.send('S2', 'P1', 'p2p');
    });
    after(async () => {
      await server.stop();
      removeFolder(folder);
    });

    const sendMany = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          server.context.writer.submit({
            sessionId: index % 50 === 7 ? 'S3' : 'S1',
            senderId: index % 2 === 0 ? 'P1' : 'D1',
            byBackend: true,
            message: { type: 1, content: `第${index}条` },
            clientMsgId: null,
          }),
        ),
      );

    const run = (...args: string[]): Promise<Outcome> =>
      runOperatorCommand('export', args, { IM_DATABASE_URL: url });

    /** What the API answers, from the first message to the last. */
    async function history(sessionId: string): Promise<Message[]> {
      const all: Message[] = [];
      for (let more = true; more;) {
        const after = all.at(-1)?.id ?? 0;
        const { body } = await server
          .request('get', `/sessions/${sessionId}/messages?peek=1&limit=200&after=${after}`)
          .expect(200);
        all.push(...(body.items as Message[]));
        more = body.more as boolean;
      }
      return all;
    }

    const get = async (route: string) =>
      (await server.request('get', route).expect(200)).body as Record<string, unknown>;

    it('writes the session, its participants, topics and messages as the API answers them', async () => {
      const { status, stderr, stdout } = await run('--session', 'S1');
      should({ status, stderr }).eql({ status: 0, stderr: '' });
      const lines = parse(stdout);
      const expected = await history('S1');
      should(expected.length).be.above(400);
      should(messagesOf(lines)).eql(expected);
      should(AWKWARD.every((text) => expected.some(({ content }) => content === text))).be.true();

      const { participants, ...session } = await get('/sessions/S1/session');
      should(lines[0]).containEql({
        kind: 'session',
        format: 'im-session',
        version: 1,
        session,
        last_message_id: expected.at(-1)!.id,
      });
      should(Date.now() - Date.parse(String(lines[0]?.exported_at))).be.within(0, 60_000);
      should(lines.filter((line) => line.kind === 'participant').map((line) => line.participant)).eql(
        participants,
      );
      const topics = (await get('/sessions/topics?session_id=S1')).items as unknown[];
      should(lines.filter((line) => line.kind === 'topic').map((line) => line.topic)).eql(topics.reverse());
      should(topics.length).equal(2);
      should(lines.at(-1)).eql({ kind: 'end', participants: 3, topics: 2, messages: expected.length });
      should([...new Set(lines.map((line) => line.kind))]).eql([
        'session',
        'participant',
        'topic',
        'message',
        'end',
      ]);
      should(stdout).not.containEql('openid');
    });

    for (const [id, messages] of [
      ['S2', 1],
      ['empty', 0],
    ] as const) {
      it(`writes a session with ${messages} messages`, async () => {
        const lines = parse((await run('--session', id)).stdout);
        should(messagesOf(lines)).eql(await history(id));
        should(lines.at(-1)).eql({ kind: 'end', participants: 2, topics: 0, messages });
      });
    }

    it('shows one moment, whatever comes while it is read, a page at a time', async () => {
      const expected = await history('S1');
      const source = await exportSession(server.context.database, 'S1');
      const texts: string[] = [];
      let sent = 0;
      for await (const text of source!) {
        should(text.split('\n').length).be.belowOrEqual(201);
        texts.push(text);
        await server.send('S1', 'D2', `meanwhile ${++sent}`);
        if (sent === 1) {
          await server
            .request('put', '/sessions/S1/topics/current/ended')
            .send({ user_id: 'D1' })
            .expect(200);
          await server.request('delete', '/sessions/S1/participants/D2').expect(204);
          await server.request('put', '/sessions/S1/participants/D2').send({}).expect(201);
        }
      }
      should(sent).be.above(5);
      const lines = parse(texts.join(''));
      should(messagesOf(lines)).eql(expected);
      should(lines.at(-1)).containEql({ topics: 2, messages: expected.length });
      const topics = lines
        .filter((line) => line.kind === 'topic')
        .map((line) => line.topic as { status: number });
      should(topics.map(({ status }) => status)).eql([10, 0]);
    });

    it('neither misses nor repeats a message when another process sends all the time', async () => {
      const sending = { over: false };
      const sends = (async () => {
        while (!sending.over) await server.send('S1', 'P1', '还在发');
      })();
      const { status, stdout } = await run('--session', 'S1');
      sending.over = true;
      await sends;
      should(status).equal(0);
      const lines = parse(stdout);
      const last = Number(lines[0]?.last_message_id);
      should(messagesOf(lines)).eql((await history('S1')).filter(({ id }) => id <= last));
      should(messagesOf(lines).at(-1)?.id).equal(last);
    });

    it('writes a file that only its owner reads, and overwrites none', async () => {
      const out = path.join(folder, 'S2.jsonl');
      const { status, stderr, stdout } = await run('--session=S2', `--out=${out}`);
      should({ status, stderr, stdout }).eql({ status: 0, stderr: '', stdout: '' });
      const text = readFileSync(out, 'utf8');
      should(parse(text).at(-1)).containEql({ kind: 'end', messages: 1 });
      should(statSync(out).mode & 0o777).equal(0o600);
      const again = await run('--session', 'S1', '--out', out);
      should(again).containEql({ status: 1, stdout: '', stderr: `${out} exists and stays as it is.\n` });
      should(readFileSync(out, 'utf8')).equal(text);
    });

    it('makes no file for a session that is not there', async () => {
      const out = path.join(folder, 'nothing.jsonl');
      const outcome = await run('--session', 'nobody', '--out', out);
      should(outcome).eql({ status: 1, stdout: '', stderr: 'There is no session nobody.\n' });
      should(existsSync(out)).be.false();
    });

    it('says so when a folder can not take the file', async () => {
      const outcome = await run('--session', 'S2', '--out', path.join(folder, 'missing', 'S2.jsonl'));
      should(outcome).containEql({ status: 1, stdout: '' });
      should(outcome.stderr).match(/S2\.jsonl can't be made \(ENOENT\)\.\n$/);
    });

    it('ends with 1 when its reader goes away', async () => {
      const child = spawn(process.execPath, [path.join(builtSource(), 'export.js'), '--session', 'S1'], {
        cwd: folder,
        env: { PATH: process.env.PATH, IM_PROFILE: 'test', IM_DATABASE_URL: url },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.stdout.destroy();
      const [status] = (await once(child, 'close')) as [number | null];
      should(status).equal(1);
      should(stderr).match(/^The output ended early: .*EPIPE\n$/);
    });
  },
  { sqlite: 'file' },
);

describe('npm run export, told wrongly', () => {
  for (const [title, args, environment, status, message] of [
    ['no session named', [], {}, 64, /^--session is needed\.\nUsage: /],
    ['an empty id', ['--session='], {}, 64, /^--session is needed\./],
    ['an argument too many', ['--session', 'S1', 'S2'], {}, 64, /S2[^]*Usage: /],
    [
      'a bad setting',
      ['--session', 'S1'],
      { IM_ACK_TIMEOUT_MS: 'soon' },
      78,
      /^IM_ACK_TIMEOUT_MS accepts .*\n$/,
    ],
    [
      'no database server',
      ['--session', 'S1'],
      { IM_DATABASE_URL: 'mysql://im:secret@127.0.0.1:1/im' },
      1,
      /^The database can't be reached: mysql:\/\/127\.0\.0\.1:1\/im \(ECONNREFUSED\)\n$/,
    ],
    [
      'no database in memory',
      ['--session', 'S1'],
      { IM_DATABASE_URL: 'sqlite::memory:' },
      1,
      /^There is no database/,
    ],
  ] as const) {
    it(`ends with ${status}: ${title}`, async () => {
      const outcome = await runOperatorCommand('export', args, environment);
      should(outcome).containEql({ status, stdout: '' });
      should(outcome.stderr).match(message);
      should(outcome.stderr).not.match(/ {4}at |secret/);
    });
  }

  it('makes no database where there is none', async () => {
    const missing = path.join(os.tmpdir(), `im-missing-${process.pid}`, 'im.db');
    const outcome = await runOperatorCommand('export', ['--session', 'S1'], {
      IM_DATABASE_URL: `sqlite:${missing}`,
    });
    should(outcome).eql({ status: 1, stdout: '', stderr: `There is no database at sqlite:${missing}.\n` });
    should(existsSync(path.dirname(missing))).be.false();
  });
});
