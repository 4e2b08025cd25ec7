import should from 'should';
import { databaseNow } from '../../src/db/clock';
import { type NoticeRow } from '../../src/db/schema';
import { fromSqlTime, toSqlTime } from '../../src/db/time';
import { createWechat } from '../../src/push/wechat/wechat';
import { eachDatabase } from '../support/databases';
import { FakeWechat, type Scripted } from '../support/fake-wechat';
import { linesPrintedBy } from '../support/log-lines';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { makeDue, noticeWhen, type SentMessage, wechatSettings, withNotices } from './notice-fixture';

const FIRST_RETRY_MS = 1_000;
const DAY_MS = 24 * 3_600_000;

/** What WeChat answers to the calls of one send, and what becomes of the notice. */
interface Case {
  title: string;
  token?: Scripted[];
  send?: Scripted[];
  state: 'sent' | 'retry' | 'failed';
  error?: RegExp;
  sends: number;
}

const errors = (...codes: number[]): Scripted[] => codes.map((errcode) => ({ errcode }));

const CASES: Case[] = [
  { title: '0', state: 'sent', sends: 1 },
  ...[40001, 40014, 42001].map((code): Case => ({
    title: `${code}, then 0`,
    send: errors(code),
    state: 'sent',
    sends: 2,
  })),
  {
    title: '40001, then 40014',
    send: errors(40001, 40014),
    state: 'retry',
    error: /^40014 /,
    sends: 2,
  },
  { title: '40001, then 43004', send: errors(40001, 43004), state: 'failed', error: /^43004 /, sends: 2 },
  ...[40001, 40013, 40125].map((code): Case => ({
    title: `${code} from the token call`,
    token: errors(code),
    state: 'retry',
    error: new RegExp(`^${code} `),
    sends: 0,
  })),
  { title: '-1 from the token call', token: errors(-1), state: 'retry', error: /^-1 /, sends: 0 },
  ...[-1, 45011].map((code): Case => ({
    title: String(code),
    send: errors(code),
    state: 'retry',
    error: new RegExp(`^${code} `),
    sends: 1,
  })),
  { title: 'HTTP 500', send: [{ status: 500 }], state: 'retry', error: /500/, sends: 1 },
  { title: 'HTTP 502', send: [{ status: 502 }], state: 'retry', error: /502/, sends: 1 },
  { title: 'a redirect', send: [{ status: 302 }], state: 'retry', error: /302/, sends: 1 },
  { title: 'a page', send: [{ body: '<html>' }], state: 'retry', error: /JSON/, sends: 1 },
  { title: 'an answer without a code', send: [{ body: '{}' }], state: 'retry', error: /errcode/, sends: 1 },
  { title: 'a broken connection', send: ['close'], state: 'retry', error: /connection/, sends: 1 },
  { title: 'no answer', send: ['hang'], state: 'retry', error: /no answer in time/, sends: 1 },
  { title: 'no end of an answer', send: ['trickle'], state: 'retry', error: /no answer in time/, sends: 1 },
  ...[40003, 43004, 43019, 48002, 50005, 40037, 47001, 47003, 48001, 48004, 40102, 1].map((code): Case => ({
    title: String(code),
    send: errors(code),
    state: 'failed',
    error: new RegExp(`^${code} scripted`),
    sends: 1,
  })),
];

eachDatabase("WeChat's answer to a notice", (database) => {
  let server: TestServer;
  let fake: FakeWechat;
  const errorLines: string[] = [];

  before(async () => {
    fake = await FakeWechat.start();
    const settings = { IM_DATABASE_URL: await database.freshUrl(), ...wechatSettings(fake) };
    // As the server's own, but for the time that a call may take.
    const wechat = createWechat({
      appId: fake.appId,
      appSecret: fake.appSecret,
      templateId: fake.templateId,
      templateData: { thing1: '{text}' },
      apiBase: fake.baseUrl,
      mayForceToken: () => Promise.resolve(true),
      timeoutMs: 3_000,
    });
    server = await TestServer.start(settings, {}, { wechat });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
  });

  after(async () => {
    await server.stop();
    await fake.stop();
  });

  for (const { title, token = [], send = [], state, error, sends } of CASES) {
    it(`${title}: ${state}`, async () => {
      fake.reset();
      if (token.length > 0) {
        // The next send has to ask for a token first.
        fake.expireToken();
        fake.answerNext('send', { errcode: 40001 });
        fake.answerNext('token', ...token);
      }
      fake.answerNext('send', ...send);
      let sent: SentMessage = { id: 0 };
      let notice: NoticeRow | undefined;
      const lines = await linesPrintedBy(async () => {
        sent = await server.send('s', 'D', 'x');
        notice = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
      });
      const refusedFirst = token.length > 0 ? 1 : 0;
      fake.sends.length.should.equal(sends + refusedFirst);
      errorLines.push(...lines.filter((line) => line.startsWith('[ERROR]')));
      should(notice!.state).equal(state === 'retry' ? 'pending' : state);
      should(notice!.claimed_by).equal(null);
      if (state !== 'retry') should(notice!.due_time).equal(notice!.update_time);
      if (error === undefined) should(notice!.last_error).equal(null);
      else should(notice!.last_error).match(error);
      const names = new Set(fake.sends.map(({ body }) => body.client_msg_id as string));
      names.size.should.equal(fake.sends.length === 0 ? 0 : 1);
      if (state !== 'retry') return;
      (fromSqlTime(notice!.due_time) - fromSqlTime(notice!.retry_since!)).should.equal(FIRST_RETRY_MS);
      // The next try is under the same name, and brings it out.
      await makeDue(server, notice!.id);
      await noticeWhen(server, sent, (later) => later.state === 'sent' && later.attempts === 2);
      should(fake.sends.at(-1)!.body.client_msg_id).equal(`notice-${notice!.id}`);
      fake.delivered.length.should.equal(1);
    });
  }

  it('has told of the token that is refused in one error line a minute', () => {
    should(errorLines.length).be.within(1, 3);
    for (const line of errorLines) line.should.match(/WeChat refuses/);
  });
});

eachDatabase('A notice that WeChat does not take', (database) => {
  const stage = withNotices(database);

  it('is tried again after 1 s, doubling to 10 min, and given up after 24 h', async () => {
    const { server, fake } = stage;
    const { dialect, kysely } = server.context.database;
    const now = async () => fromSqlTime(await databaseNow(kysely, dialect));
    fake.answerAlways('send', { errcode: -1 });
    let before = await now();
    const sent = await server.send('s', 'D', 'x');
    for (const [index, seconds] of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600].entries()) {
      const notice = await noticeWhen(server, sent, ({ attempts }) => attempts === index + 1);
      should(notice.state).equal('pending');
      // It is reckoned from when the try had failed.
      const due = fromSqlTime(notice.due_time);
      should(due - seconds * 1000).be.within(before, await now());
      before = await now();
      await makeDue(server, notice.id);
    }
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts === 13);
    await makeDue(server, id, { retry_since: toSqlTime(Date.now() - DAY_MS + 60_000) });
    await noticeWhen(server, sent, ({ attempts, state }) => attempts === 14 && state === 'pending');
    await makeDue(server, id, { retry_since: toSqlTime(Date.now() - DAY_MS) });
    const failed = await noticeWhen(server, sent, ({ state }) => state === 'failed');
    should(failed.last_error).match(/^-1 /);
    const names = new Set(fake.sends.map(({ body }) => body.client_msg_id as string));
    should([...names]).eql([`notice-${id}`]);
  });

  it('is delivered when the patient acknowledges it between two tries', async () => {
    const { server, fake } = stage;
    fake.answerAlways('send', { errcode: -1 });
    const sent = await server.send('s', 'D', 'x');
    const { id } = await noticeWhen(server, sent, ({ attempts }) => attempts === 1);
    await makeDue(server, id, { due_time: '2096-01-01 00:00:00.000' });
    const socket = await server.socket('P', 's');
    socket.send('ack', { message_id: sent.id });
    await noticeWhen(server, sent, ({ state }) => state === 'delivered');
    await makeDue(server, id);
    await socket.close();
    const next = await server.send('s', 'D', 'y');
    await noticeWhen(server, next, ({ attempts }) => attempts === 1);
    fake.sends.length.should.equal(2);
  });

  it('is skipped when its call was cancelled between two tries', async () => {
    const { server, fake } = stage;
    await server.session('cancelled', 3, 'D', 'P');
    const caller = await server.socket('D', 'cancelled');
    fake.answerAlways('send', { errcode: -1 });
    const { data: call } = await caller.request('call_invite', { media: 'audio' });
    const noticeOfCallWhen = async (wanted: (notice: NoticeRow) => boolean) => {
      let found: NoticeRow | undefined;
      await waitUntil(
        async () => {
          found = await server.context.database.kysely
            .selectFrom('notices')
            .selectAll()
            .where('call_id', '=', call.call_id as string)
            .executeTakeFirst();
          return found !== undefined && wanted(found);
        },
        20_000,
        () => `the notice is not as wanted: ${JSON.stringify(found)}`,
      );
      return found!;
    };
    const { id } = await noticeOfCallWhen(({ attempts }) => attempts > 0);
    caller.send('call_cancel', { call_id: call.call_id });
    await caller.next('call_ended');
    fake.answerAlways('send', undefined);
    await makeDue(server, id);
    const { state } = await noticeOfCallWhen((notice) => notice.state !== 'pending');
    should(state).equal('skipped');
    fake.delivered.length.should.equal(0);
    await caller.close();
  });
});
