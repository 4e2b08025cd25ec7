import should from 'should';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, configFrom } from '../../src/resources/config/config';
import { SETTINGS } from '../../src/resources/config/settings';
import { ChildServer } from '../support/child-server';
import { removeFolder, temporaryFolder } from '../support/processes';

const SECRET = 'a-secret-of-an-operator-of-32-bytes';
const PROD = {
  IM_PROFILE: 'prod',
  IM_DATABASE_URL: 'mysql://im:secret@db.example:3306/im',
  IM_APP_KEY: 'key-of-the-platform',
  IM_TOKEN_SECRET: SECRET,
};
const BASES: Record<string, string>[] = [{}, { IM_PROFILE: 'test' }, PROD];
const WECHAT = {
  IM_WECHAT_APP_ID: 'wx1',
  IM_WECHAT_APP_SECRET: 's',
  IM_WECHAT_TEMPLATE_ID: 't',
};

const GETUI = { IM_GETUI_APP_ID: 'a', IM_GETUI_APP_KEY: 'k', IM_GETUI_MASTER_SECRET: 'm' };

const NUMBERS = ['abc', '-1', '1.5', '1e3', '0x10', ' 5', '5 ', '99999999999999999999', '٣'];

/** Values that a setting refuses; an empty one counts as unset. */
const BAD: Record<string, string[]> = {
  IM_PROFILE: ['production', 'PROD', ' dev', 'toString', 'constructor', '__proto__', 'hasOwnProperty'],
  IM_PORT: [...NUMBERS, '65536'],
  IM_HOST: ['a b', 'http://x', '文'],
  IM_DATABASE_URL: [
    'im.db',
    'sqlite:',
    'mysql://',
    'mysql://host',
    'mysql://host/',
    'mysql:///im',
    'mysql://host:99999/im',
    'mysql://user:%zz@host/im',
    'postgres://host/im',
    'http://host/im',
    'mysql://host/im?ssl=true',
    'mysql://host/im?debug=true',
    'mysql://host/im?ssl-mode=on',
    'mysql://host/im?ssl-mode=REQUIRED&ssl-mode=DISABLED',
    'mysql://host/im?ssl-mode=REQUIRED&connectionLimit=5',
    'mysql://host/im?ssl-ca=',
    'mysql://host/im?ssl-mode=VERIFY_CA',
    'mysql://host/im?ssl-mode=VERIFY_IDENTITY',
    'mysql://10.0.0.1/im?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem',
    'mysql://host/im#x',
  ],
  IM_DATABASE_CONNECTIONS: [...NUMBERS, '0', '1', '1001'],
  IM_REDIS_URL: [
    'localhost:6379',
    'http://localhost',
    'redis',
    'redis://',
    'redis:///1',
    'redis://host/name',
    'redis://u:%zz@host',
  ],
  IM_APP_KEY: [',', 'a,,b', 'a b', 'schlüssel'],
  IM_TOKEN_SECRET: ['short', 'x'.repeat(31)],
  IM_WECHAT_URL: ['h5.example.com', 'javascript:alert(1)', 'ftp://x'],
  IM_WECHAT_TEMPLATE_DATA: [
    'x',
    '[]',
    '{}',
    'null',
    '{"thing1":5}',
    '{"thing1":"{unknown}"}',
    '{"thing 1":"x"}',
  ],
  IM_WECHAT_API_BASE: ['api.weixin.qq.com', 'ws://x'],
  IM_WECHAT_TEMPLATES: [
    'x',
    '[]',
    'null',
    '{"other":{"template_id":"t"}}',
    '{"call":{}}',
    '{"call":{"template_id":""}}',
    '{"call":{"template_id":"t","data":{}}}',
    '{"call":{"template_id":"t","data":{"thing1":"{unknown}"}}}',
    '{"call":{"template_id":"t","more":1}}',
  ],
  IM_GETUI_API_BASE: ['restapi.getui.com', 'ws://x'],
  IM_GETUI_OPTIONS: ['x', '[]', 'null', '5', '"text"'],
  IM_PUSH_TEXT: ['Hidden', 'none', 'all'],
  IM_ACK_TIMEOUT_MS: [...NUMBERS, '0', '86400001'],
  IM_SEND_RATE: [...NUMBERS, '0', '1000001'],
  IM_CORS_ORIGINS: [
    'h5.example.com',
    'https://a.example/',
    'https://a.example,*',
    'https://a.example/x',
    ',',
    'null,*',
    '*.example.com',
    'https://*',
    'https://*.',
    'https://*.*.example.com',
    'https://a.*.example.com',
    'https://a*.example.com',
    'file://x',
    'javascript:alert(1)',
    'capacitor://localhost/x',
    'capacitor:',
  ],
  IM_CALL_TIMEOUT_MS: [...NUMBERS, '0'],
  IM_CALL_RECONNECT_MS: [...NUMBERS, '0'],
  IM_HEARTBEAT_MS: [...NUMBERS, '0', '9'],
  IM_ICE_SERVERS: [
    'x',
    '{}',
    '["stun:x"]',
    '[{}]',
    '[{"urls":""}]',
    '[{"urls":[]}]',
    '[{"urls":"stun:x","username":5}]',
  ],
  IM_RETENTION_DAYS: [...NUMBERS, '0', '36501'],
  IM_FILES: ['on', 'file:', 's3://', 's3://b?color=red', 's3://b?path_style=1', 'data/files', 'http://x'],
  IM_FILE_MAX_BYTES: [...NUMBERS, '1023', '1073741825'],
  IM_FILES_BASE_URL: ['im.example.com', 'ftp://x', 'https://x?a=1', 'https://x/#a', 'https://u:p@x'],
  IM_RECALL_MS: [...NUMBERS, '31536000001'],
  IM_REPLY_REMIND_MS: [...NUMBERS, '0', '999'],
  IM_WEBHOOK_URL: ['platform.example.com', 'ftp://x', 'http://u:%zz@host/'],
  IM_WEBHOOK_SECRET: [
    'secret',
    `whsec_${'A'.repeat(31)}`,
    `whsec_${'A'.repeat(88)}`,
    `whsec_${'*'.repeat(32)}`,
    'A'.repeat(32),
    `whsec_${'A'.repeat(32)},`,
  ],
  IM_WEBHOOK_EVENTS: ['message.read', 'message.created,', '*', 'Message.created'],
  IM_WEBHOOK_CONTENT: ['none', 'FULL'],
  IM_WEBHOOK_RETRY_MS: ['x', '1,,2', '-1', '1.5', Array.from({ length: 21 }, () => '1').join(',')],
  IM_LOG_LEVEL: ['verbose', 'INFO', 'silly'],
};

/** Texts that are taken whatever they are. */
const FREE = [
  'IM_GETUI_APP_ID',
  'IM_GETUI_APP_KEY',
  'IM_GETUI_MASTER_SECRET',
  'IM_WECHAT_APP_ID',
  'IM_WECHAT_APP_SECRET',
  'IM_WECHAT_TEMPLATE_ID',
  'IM_LOG_DIR',
];

function refusal(environment: Record<string, string>): string {
  try {
    configFrom(environment);
  } catch (error) {
    should(error).be.instanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error(`accepted: ${JSON.stringify(environment)}`);
}

describe('The configuration', () => {
  it('knows bad values of every setting', () => {
    should([...Object.keys(BAD), ...FREE].sort()).eql(['IM_PROFILE', ...Object.keys(SETTINGS)].sort());
  });

  for (const [name, values] of Object.entries(BAD)) {
    it(`refuses bad values of ${name} in one line that names it and what it accepts, in every profile`, () => {
      for (const value of values) {
        for (const base of BASES) {
          const message = refusal({ ...base, [name]: value });
          message.should.match(new RegExp(`^${name} accepts .{4,}$`));
          // Whatever was given may be a secret.
          should(message).equal(refusal({ [name]: values[0]! }));
        }
      }
    });
  }

  it('takes every setting empty as unset', () => {
    const empty = Object.fromEntries(['IM_PROFILE', ...Object.keys(SETTINGS)].map((name) => [name, '']));
    should(configFrom(empty)).eql(configFrom({}));
  });

  it('has the defaults of the profile dev', () => {
    should(configFrom({})).containDeep({
      profile: 'dev',
      port: 3000,
      host: '127.0.0.1',
      databaseUrl: 'sqlite:data/im.db',
      appKeys: ['dev-app-key'],
      ackTimeoutMs: 10_000,
      sendRate: 20,
      corsOrigins: ['*'],
      callTimeoutMs: 45_000,
      callReconnectMs: 15_000,
      heartbeatMs: 30_000,
      iceServers: [],
      logLevel: 'info',
      openLogin: true,
      demo: true,
    });
    const config = configFrom({});
    should(config.redisUrl).equal(undefined);
    should(config.wechat).equal(undefined);
    should(config.logDirectory).equal(undefined);
    should(configFrom(WECHAT).wechat).eql({
      appId: 'wx1',
      appSecret: 's',
      templateId: 't',
      url: undefined,
      templateData: { thing1: '{sender_name}', thing2: '{text}', time3: '{time}' },
      templates: {},
      apiBase: 'https://api.weixin.qq.com',
    });
    should(config.getui).equal(undefined);
    should(configFrom(GETUI).getui).eql({
      appId: 'a',
      appKey: 'k',
      masterSecret: 'm',
      apiBase: 'https://restapi.getui.com/v2',
      pushOptions: {},
      text: 'hidden',
    });
    for (const name of Object.keys(GETUI))
      refusal({ ...GETUI, [name]: '' }).should.startWith(`${name} is required`);
  });

  it('of the profile test is as dev, but strict', () => {
    const config = configFrom({ IM_PROFILE: 'test' });
    should(config).containDeep({
      databaseUrl: 'sqlite::memory:',
      openLogin: false,
      demo: false,
      host: '127.0.0.1',
    });
    should(config.corsOrigins).equal(undefined);
    should(config.tokenSecret).equal(configFrom({}).tokenSecret);
  });

  it('of the profile prod needs what an operator has to choose', () => {
    const config = configFrom(PROD);
    should(config).containDeep({ host: '0.0.0.0', port: 3000, openLogin: false, demo: false });
    should(config.corsOrigins).equal(undefined);
    for (const name of ['IM_DATABASE_URL', 'IM_APP_KEY', 'IM_TOKEN_SECRET']) {
      refusal({ ...PROD, [name]: '' }).should.match(
        new RegExp(`^${name} is required in prod and accepts .{4,}$`),
      );
    }
  });

  it("of the profile prod refuses the other profiles' constants", () => {
    const { appKeys, tokenSecret } = configFrom({});
    refusal({ ...PROD, IM_APP_KEY: appKeys[0]! }).should.match(/^IM_APP_KEY /);
    refusal({ ...PROD, IM_APP_KEY: `own-key,${appKeys[0]}` }).should.match(/^IM_APP_KEY /);
    refusal({ ...PROD, IM_TOKEN_SECRET: tokenSecret }).should.match(/^IM_TOKEN_SECRET /);
  });

  it('of the profile prod refuses keys of less than 16 characters', () => {
    const [long, short] = ['a-key-of-sixteen', 'a-key-of-15-cha'];
    should(configFrom({ ...PROD, IM_APP_KEY: long }).appKeys).eql([long]);
    for (const keys of [short, `${long},${short}`]) {
      refusal({ ...PROD, IM_APP_KEY: keys }).should.match(/^IM_APP_KEY accepts .* 16 characters/);
    }
    // A key that a developer has chosen.
    should(configFrom({ IM_APP_KEY: short }).appKeys).eql([short]);
  });

  it("takes origins, patterns, null and apps' own schemes", () => {
    const origins = [
      'https://a.example',
      'https://*.b.example:8443',
      'http://*.c.example',
      'null',
      'capacitor://localhost',
    ];
    should(configFrom({ IM_CORS_ORIGINS: origins.join(', ') }).corsOrigins).eql(origins);
  });

  it('warns of variables IM_… that no setting reads, and names the one that may be meant', () => {
    const { warnings } = configFrom({
      IM_CORS_ORIGIN: 'https://a.example',
      IM_SOMETHING_ELSE_ENTIRELY: 'x',
      IM_TEST_MYSQL_URL: 'x',
      IMPORTANT: 'x',
      im_port: '1',
    });
    should(warnings).eql([
      'IM_CORS_ORIGIN is no setting of this server: is IM_CORS_ORIGINS meant?',
      'IM_SOMETHING_ELSE_ENTIRELY is no setting of this server',
    ]);
    should(configFrom(PROD).warnings.filter((text) => text.startsWith('IM_DATABASE_URL'))).have.length(1);
  });

  it('warns where messages are kept for less than the three years of records of internet diagnosis', () => {
    const warnings = (days: string) => configFrom({ IM_RETENTION_DAYS: days }).warnings;
    should(warnings('1095')).eql([]);
    should(warnings('')).eql([]);
    for (const days of ['1', '1094']) {
      should(warnings(days)).eql([
        `IM_RETENTION_DAYS is ${days}, but records of internet diagnosis are kept for three years at least`,
      ]);
    }
  });

  it('warns of a way to another host that is not encrypted by default', () => {
    const warnings = (url: string) => configFrom({ IM_DATABASE_URL: url }).warnings;
    should(warnings('mysql://u:geheim@db.example/im')).eql([
      'IM_DATABASE_URL chooses no ssl-mode: what goes to the database is not encrypted',
    ]);
    for (const url of [
      'mysql://u@db.example/im?ssl-mode=DISABLED',
      'mysql://u@db.example/im?ssl-mode=preferred',
      'mysql://u@db.example/im?ssl-ca=ca.pem',
      'mysql://u@127.0.0.1/im',
      'mysql://u@localhost/im',
      'mysql://u@[::1]/im',
      'sqlite::memory:',
    ]) {
      should(warnings(url)).eql([], url);
    }
  });

  it('takes keys that are being rotated', () => {
    const keys = ['new-key-of-the-platform', 'old-key-of-the-platform'];
    should(configFrom({ ...PROD, IM_APP_KEY: keys.join(', ') }).appKeys).eql(keys);
  });

  it('takes the three of WeChat or none', () => {
    for (const missing of Object.keys(WECHAT)) {
      refusal({ ...WECHAT, [missing]: '' }).should.startWith(`${missing} is required`);
    }
    should(configFrom(WECHAT).wechat?.appId).equal('wx1');
  });

  it("takes the webhook's address and secret together or neither", () => {
    const webhook = { IM_WEBHOOK_URL: 'https://u:p@host/?q=1', IM_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}` };
    for (const missing of Object.keys(webhook))
      refusal({ ...webhook, [missing]: '' }).should.startWith(`${missing} is required`);
    should(configFrom({}).webhook).equal(undefined);
    const taken = configFrom({ ...webhook, IM_WEBHOOK_EVENTS: 'topic.ended, call.ended' }).webhook!;
    should([...taken.events]).eql(['topic.ended', 'call.ended']);
    should(taken.content).equal('ids');
    should(taken.retryMs.map((ms) => ms / 1000)).eql([
      5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    should(configFrom(webhook).webhook!.events.size).equal(9);
  });
});

describe('A server with a bad setting', () => {
  let folder: string;

  before(() => {
    folder = temporaryFolder('im-config-');
  });

  after(() => removeFolder(folder));

  async function shouldRefuse(environment: Record<string, string>, name: string): Promise<void> {
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', ...environment }, folder);
    should(await server.exited).eql({ code: 78, signal: null });
    should(server.stdout).equal('');
    server.stderr.should.match(new RegExp(`^${name} .*accepts .*\\n$`));
    server.stderr.split('\n').length.should.equal(2);
  }

  it('ends with status 78 and one line, before it listens', async () => {
    await Promise.all([
      shouldRefuse({ IM_PROFILE: 'staging' }, 'IM_PROFILE'),
      shouldRefuse({ IM_PORT: 'http' }, 'IM_PORT'),
      shouldRefuse({ IM_PROFILE: 'prod' }, 'IM_DATABASE_URL'),
      shouldRefuse({ IM_LOG_DIR: path.join('/dev/null', 'logs') }, 'IM_LOG_DIR'),
      // A file in the place of a folder.
      shouldRefuse({ IM_LOG_DIR: '/dev/null' }, 'IM_LOG_DIR'),
      shouldRefuse({ IM_DATABASE_URL: 'sqlite:/dev/null/im.db' }, 'IM_DATABASE_URL'),
      shouldRefuse({ IM_FILES: 'file:/dev/null' }, 'IM_FILES'),
    ]);
  });

  it('reads .env of the working directory, and the real environment wins', async () => {
    writeFileSync(path.join(folder, '.env'), 'IM_SEND_RATE=none\nIM_LOG_LEVEL="error"\n# IM_PORT=x\n');
    await shouldRefuse({}, 'IM_SEND_RATE');
    const server = ChildServer.spawn({ IM_PROFILE: 'test', IM_PORT: '0', IM_SEND_RATE: '5' }, folder);
    await server.listening();
    should(await server.end()).eql({ code: 0, signal: null });
    // The level of .env: no third line.
    server.lines.length.should.equal(2);
    should(server.stderr).equal('');
  });
});
