import should from 'should';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError } from '../../src/resources/config/config';
import { readEnvFile } from '../../src/resources/config/env-file';
import { ChildServer } from '../support/child-server';
import { removeFolder, temporaryFolder } from '../support/processes';

const TEXT = 'IM_PROFILE=prod\nIM_APP_KEY="a # b"\n';

describe('The file .env', () => {
  let folder: string;
  let file: string;

  before(() => {
    folder = temporaryFolder('im-env-');
    file = path.join(folder, '.env');
  });
  after(() => removeFolder(folder));

  function read(content: string | Buffer): Record<string, string> {
    writeFileSync(file, content);
    return readEnvFile(file);
  }

  function refusal(content: string | Buffer): string {
    try {
      read(content);
    } catch (error) {
      should(error).be.instanceOf(ConfigError);
      return (error as ConfigError).message;
    }
    throw new Error(`accepted: ${String(content)}`);
  }

  it('may be missing, and may begin with a byte order mark', () => {
    should(readEnvFile(path.join(folder, 'none'))).eql({});
    const values = { IM_PROFILE: 'prod', IM_APP_KEY: 'a # b' };
    should(read(TEXT)).eql(values);
    should(read(`\ufeff${TEXT}`)).eql(values);
    should(read(TEXT.replaceAll('\n', '\r\n'))).eql(values);
  });

  it('has to be UTF-8', () => {
    const utf16 = Buffer.from(`\ufeff${TEXT}`, 'utf16le');
    for (const content of [
      utf16,
      Buffer.from(TEXT, 'utf16le'),
      Buffer.from(utf16).swap16(),
      Buffer.from('IM_APP_KEY=schl\xfcssel\n', 'latin1'),
    ]) {
      refusal(content).should.equal('.env accepts UTF-8 text');
    }
  });

  it('holds no value that dotenv would cut at an unquoted #', () => {
    for (const [name, line] of [
      ['IM_APP_KEY', 'IM_APP_KEY=abc#def'],
      ['IM_TOKEN_SECRET', 'IM_LOG_LEVEL=info\n  export IM_TOKEN_SECRET = x#1'],
      ['IM_A', 'IM_A=#x'],
      ['IM_A', 'IM_A="x"#y\nIM_A=a#b'],
      ['IM_APP_KEY', '\ufeffIM_APP_KEY=abc#d'],
      ['IM_TOKEN_SECRET', 'IM_TOKEN_SECRET: abc#d'],
      ['IM_TOKEN_SECRET', 'IM_PROFILE=test\rIM_TOKEN_SECRET=abc#d\r'],
      ['IM_TOKEN_SECRET', "# such as IM_C='something\nIM_TOKEN_SECRET=abc#d\nIM_Y='z'"],
      ['IM_APP_KEY', '# set IM_X="so\nIM_APP_KEY=abc#d\n# and "that"'],
      ['IM_APP_KEY', 'IM_APP_KEY=a="b#c"'],
      ['IM_APP_KEY', 'IM_APP_KEY\n=abc#d'],
    ] as const) {
      const message = refusal(`${line}\n`);
      message.should.match(new RegExp(`^${name} accepts .{4,}$`));
      message.should.not.containEql('def');
    }
  });

  it('may hold comments, and # in quotes', () => {
    should(
      read('# x=a#b\nA=abc # a comment\nB="a#b"\nC=\'a#b\' # c\nD=`a#b`\nE="two\nlines=a#b"\nF= # nothing\n'),
    ).eql({
      A: 'abc',
      B: 'a#b',
      C: 'a#b',
      D: 'a#b',
      E: 'two\nlines=a#b',
      F: '',
    });
  });

  it('that can not be used ends the server with status 78 and one line', async () => {
    for (const [content, line] of [
      [Buffer.from(TEXT, 'utf16le'), '.env accepts UTF-8 text'],
      [
        'IM_APP_KEY=geheim#nis\n',
        'IM_APP_KEY accepts a # in .env only in quotes: without them the value ends there',
      ],
    ] as const) {
      writeFileSync(file, content);
      const server = ChildServer.spawn({ IM_PORT: '0' }, folder);
      should(await server.exited).eql({ code: 78, signal: null });
      should([server.stdout, server.stderr]).eql(['', `${line}\n`]);
    }
  });

  it('is warned of where it holds names that no setting reads', async () => {
    writeFileSync(file, 'IM_RETENTION_DAY=5\n');
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', IM_SENDRATE: '5' }, folder);
    await server.listening();
    should(await server.end()).eql({ code: 0, signal: null });
    const warnings = server.lines.filter((line) => line.startsWith('[WARN]'));
    should(warnings.map((line) => line.replace(/^.*?: /, ''))).eql([
      'IM_RETENTION_DAY is no setting of this server: is IM_RETENTION_DAYS meant?',
      'IM_SENDRATE is no setting of this server: is IM_SEND_RATE meant?',
    ]);
  });
});
