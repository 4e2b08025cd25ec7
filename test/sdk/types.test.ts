import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import should from 'should';
import ts from 'typescript';
import { requireOrSkip } from '../support/databases';
import { ChatPage } from './support/chat-page';
import { FaultProxy } from './support/fault-proxy';

const TYPES = path.join(__dirname, '../../sdk/im.client.d.ts');

const SAMPLE = `
const client = new IMClient({ baseUrl: 'http://localhost:3000', token: 't', userId: 'u', userType: 'patient', sessionId: 's' });
client
  .on('open', (data) => { const last: number | null = data.last_message_id; void last; })
  .on('message', ({ message }) => { if (message.type === 1) message.content?.toUpperCase(); })
  .on('message', ({ message }) => { if (message.type === 8) message.content?.message.id.toFixed(); })
  .on('call_invite', (data) => { client.callAccept(data.call_id); })
  .on('failed', ({ error, message }) => { console.log(error.code, message.client_msg_id); })
  .on('topic_overdue', ({ topic }) => { topic.session_id.charAt(0); })
  .off('open')
  .connect();
client.send({ type: 1, content: 'hello' }).done((message) => message.id.toFixed()).fail((error) => error.code === 'closed');
client.send({ type: 2, content: { url: 'https://example.com/a.png' }, session_id: 's', client_msg_id: 'c' });
client.send({ type: 2, content: { file_id: 'f' } });
client.send({ type: 12, content: { file_id: 'f', duration: 3, cover_file_id: 'c' } });
const upload = client.upload(new Blob([]), { onProgress: (loaded, total) => { loaded.toFixed(); total.toFixed(); } });
upload.done((file) => { client.send({ type: 3, content: { file_id: file.id, duration: file.duration ?? 1 } }); }).fail((error) => error.code);
upload.abort();
const pending: IMClient.PendingMessage[] = client.pending();
client.callSignal('c', { candidate: null, list: [1, 'two', true] });
async function wait(): Promise<string> {
  const { items, more } = await client.history({ before: 3, limit: 20 });
  const count: number = await client.unreadCount();
  const { token } = await client.users.login({ user_id: 'u', user_type: 'doctor', platform: 'wechat' });
  const topics = await client.sessions.topics({ status: 10, reply: 0 });
  await client.sessions.topicMessages('t', { limit: 3 });
  const [recent] = (await client.sessions.recent({ type: 'patient', days: 7 })).items;
  const unread: number | undefined = recent?.unread_count;
  const sticky: boolean | undefined = recent?.sticky;
  void unread; void sticky;
  await client.sessions.topicMessages('s', 't', { limit: 3 });
  return items.map(({ sender_name }) => sender_name).concat(token, topics.items.map(({ name }) => name)).join() + count + more;
}
client.sessions.send('s', { type: 1, content: 'x' }).then((message) => message.id, (problem) => problem.status).then(console.log);
void wait; void pending;
`;

// Each line is a mistake.
const MISTAKES = `
new IMClient({ userType: 'nurse' });
client.send({ type: 1, content: { url: 'x' } });
client.send({ type: 6, content: { topic_id: 't', name: 'n' } });
client.on('mesage', () => undefined);
client.on('message', (data) => data.text);
client.markRead('7');
client.callInvite('smell');
client.sessions.participant('s');
client.sessions.topics({ status: 1 });
client.upload('a');
client.send({ type: 2, content: { file_id: 7 } });
client.userId = 'other';
const wrong: string = client.unreadCount();
`;

describe('SDK: the types', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'sdk-types-'))));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** The faults that the compiler finds in `source` beside the types, by line (from 0). */
  function faults(source: string): [number, string][] {
    const file = path.join(folder, 'sample.ts');
    writeFileSync(file, source);
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      types: [],
      target: ts.ScriptTarget.ES2017,
      lib: ['lib.es2017.d.ts', 'lib.dom.d.ts'],
    };
    const program = ts.createProgram([TYPES, file], options);
    return ts.getPreEmitDiagnostics(program).map(({ file: where, start, messageText }) => {
      const line = where === undefined ? -1 : where.getLineAndCharacterOfPosition(start ?? 0).line;
      return [line, ts.flattenDiagnosticMessageText(messageText, ' ')];
    });
  }

  it('fit what a page writes', () => {
    should(faults(SAMPLE)).deepEqual([]);
  });

  it('refuse what is wrong', () => {
    const first = SAMPLE.split('\n').length - 1;
    const lines = MISTAKES.split('\n').flatMap((line, index) => (line === '' ? [] : [first + index]));
    should(new Set(faults(SAMPLE + MISTAKES).map(([line]) => line))).deepEqual(new Set(lines));
  });

  it('leave nothing as any, and are a script that needs no other', () => {
    const text = ts.sys.readFile(TYPES) ?? '';
    const source = ts.createSourceFile(TYPES, text, ts.ScriptTarget.ES2022, true);
    const kinds = new Set<ts.SyntaxKind>();
    const visit = (node: ts.Node): void => {
      kinds.add(node.kind);
      ts.forEachChild(node, visit);
    };
    visit(source);
    should(kinds.has(ts.SyntaxKind.ClassDeclaration)).equal(true);
    should(kinds.has(ts.SyntaxKind.AnyKeyword)).equal(false);
    should(ts.isExternalModule(source)).equal(false);
    should(source.referencedFiles.concat(source.typeReferenceDirectives)).deepEqual([]);
  });

  describe('name what the script has', () => {
    if (!requireOrSkip('chromium')) return;
    let proxy: FaultProxy;
    before(async () => {
      proxy = new FaultProxy(() => 0);
      await proxy.start();
    });
    after(async () => {
      await proxy.stop();
    });

    it('no more and no less', async () => {
      const program = ts.createProgram([TYPES], { types: [], lib: ['lib.es2017.d.ts', 'lib.dom.d.ts'] });
      const checker = program.getTypeChecker();
      const source = program.getSourceFile(TYPES)!;
      const scope = checker.getSymbolsInScope(source, ts.SymbolFlags.Class);
      const members = checker.getPropertiesOfType(
        checker.getDeclaredTypeOfSymbol(scope.find(({ name }) => name === 'IMClient')!),
      );
      const typed = members.flatMap((member) => {
        if (!['application', 'users', 'sessions'].includes(member.name)) return [member.name];
        const group = checker.getPropertiesOfType(checker.getTypeOfSymbol(member));
        return group.map(({ name }) => `${member.name}.${name}`);
      });
      const page = await ChatPage.open(proxy.url, { baseUrl: proxy.url });
      const real = await page.run<string[]>(`(function () {
        var names = [];
        for (var name in client) {
          if (name.charAt(0) === '_') continue;
          if (typeof client[name] === 'object' && client[name]) {
            for (var method in client[name]) names.push(name + '.' + method);
          } else names.push(name);
        }
        return names;
      })()`);
      await page.close();
      should(typed.sort()).deepEqual(real.sort());
    });
  });
});
