import 'should';
import {
  createWechat,
  type Outcome,
  type TemplateMessage,
  type Wechat,
  type WechatOptions,
} from '../../src/push/wechat/wechat';
import { FakeWechat, type Scripted } from '../support/fake-wechat';
import { linesPrintedBy } from '../support/log-lines';

export const OPENID = 'oZx1-test-openid';
/** For a call that is answered, however busy the machine is. */
const LIMIT_MS = 8_000;
/** For a call that is not answered, or not to its end; the one for the token before it has the same limit. */
export const SHORT_LIMIT_MS = 2_000;

export function limitFor(scripted: Scripted): number {
  return scripted === 'hang' || scripted === 'trickle' ? SHORT_LIMIT_MS : LIMIT_MS;
}

export function message(clientMsgId = 'notice-1', touser = OPENID): TemplateMessage {
  const values = {
    sender_name: '王医生',
    text: '明天复诊',
    time: new Date('2026-11-22T08:00:00Z'),
  };
  return { touser, clientMsgId, sessionId: 's:1', values };
}

export interface WechatFixture {
  readonly fake: FakeWechat;
  /** A client of the fake server, closed after the test. */
  client(options?: Partial<WechatOptions>): Wechat;
  /** The outcome of a send, and the error lines that were logged; fails where a line holds what is secret. */
  sendLogged(wechat: Wechat): Promise<{ outcome: Outcome; errors: string[] }>;
}

/** For the top of a `describe`: a fake WeChat of its own for each test. */
export function withFakeWechat(): WechatFixture {
  let fake: FakeWechat;
  const clients: Wechat[] = [];

  beforeEach(async () => {
    fake = await FakeWechat.start();
  });

  afterEach(async () => {
    for (const made of clients.splice(0)) made.close();
    await fake.stop();
  });

  return {
    get fake() {
      return fake;
    },
    client: (options = {}) => {
      const made = createWechat({
        appId: fake.appId,
        appSecret: fake.appSecret,
        templateId: fake.templateId,
        url: 'https://im.example.cn/?s={session_id}',
        templateData: { thing1: '{sender_name}', thing2: '{text}', time3: '{time}' },
        apiBase: fake.baseUrl,
        mayForceToken: () => Promise.resolve(true),
        timeoutMs: LIMIT_MS,
        ...options,
      });
      clients.push(made);
      return made;
    },
    sendLogged: async (wechat) => {
      let outcome: Outcome | undefined;
      const lines = await linesPrintedBy(async () => {
        outcome = await wechat.send(message());
      });
      const secrets = [
        fake.appSecret,
        OPENID,
        '明天复诊',
        ...fake.sends.map((send) => send.accessToken ?? '?'),
      ];
      for (const secret of secrets) lines.join('\n').should.not.containEql(secret);
      return { outcome: outcome!, errors: lines.filter((line) => line.startsWith('[ERROR]')) };
    },
  };
}
