import should from 'should';
import { createGetui, type Getui, type GetuiOptions, type PushOutcome } from '../../src/push/getui/getui';
import { type PushContent } from '../../src/push/getui/push-body';
import { FakeGetui, type GetuiScript } from '../support/fake-getui';
import { freePort } from '../support/free-port';
import { linesPrintedBy } from '../support/log-lines';

const LIMIT_MS = 8_000;
/** For a call that is not answered; the one for the token before it has the same limit. */
const SHORT_LIMIT_MS = 2_000;
const REFUSED = { code: 10001, keepsToken: true };

function content(requestId = 'a'.repeat(32), clientId = 'cid-1'): PushContent {
  return {
    clientId,
    requestId,
    ttlMs: 86_400_000,
    sessionId: 's:1',
    subject: { message_id: 12 },
    badge: 7,
    title: '高血压随访',
    body: '王医生: [新消息]',
  };
}

describe('Getui client', () => {
  let fake: FakeGetui;
  const clients: Getui[] = [];

  beforeEach(async () => {
    fake = await FakeGetui.start();
  });
  afterEach(async () => {
    for (const each of clients.splice(0)) each.close();
    await fake.stop();
  });

  function client(options: Partial<GetuiOptions> = {}): Getui {
    const made = createGetui({
      appId: fake.appId,
      appKey: fake.appKey,
      masterSecret: fake.masterSecret,
      apiBase: fake.baseUrl,
      pushOptions: {},
      timeoutMs: LIMIT_MS,
      ...options,
    });
    clients.push(made);
    return made;
  }

  it('sends what Getui documents', async () => {
    const outcome = await client().push(content());
    outcome.should.eql({ result: 'sent', taskId: `RASS_${'a'.repeat(32)}` });
    const [push] = fake.calls('push');
    should(push!.path).equal('/v2/getui-app/push/single/cid');
    const { push_channel: channel, push_message: message, ...rest } = push!.body;
    should(rest).eql({
      request_id: 'a'.repeat(32),
      audience: { cid: ['cid-1'] },
      settings: { ttl: 86_400_000, strategy: { default: 1, ios: 4 } },
    });
    should(message).eql({ transmission: '{"session_id":"s:1","message_id":12,"badge":7}' });
    const { 'apns-collapse-id': collapse, ...ios } = channel.ios;
    should(ios).eql({
      type: 'notify',
      auto_badge: '7',
      aps: { alert: { title: '高血压随访', body: '王医生: [新消息]' }, sound: 'default' },
    });
    should(collapse).match(/^[0-9a-f]{1,64}$/);
    const { notify_id: id, ...notification } = channel.android.ups.notification;
    should(notification).eql({ title: '高血压随访', body: '王医生: [新消息]', click_type: 'startapp' });
    should(id).be.within(0, 2 ** 31 - 1);
    const [auth] = fake.calls('auth');
    should(Object.keys(auth!.body as object).sort()).eql(['appkey', 'sign', 'timestamp']);
    should(auth!.text).not.containEql(fake.masterSecret);
  });

  it('makes one name a session', async () => {
    const getui = client();
    await getui.push(content('1'.repeat(32)));
    await getui.push({ ...content('2'.repeat(32)), subject: { message_id: 13 } });
    await getui.push({ ...content('3'.repeat(32)), sessionId: 's:2' });
    const names = fake.calls('push').map(({ body }) => body.push_channel.ios['apns-collapse-id'] as string);
    should(names[0]).equal(names[1]);
    should(names[0]).not.equal(names[2]);
  });

  it('merges the options, deep, with title and body filled in', async () => {
    const pushOptions = {
      ios: { aps: { sound: 'ring.caf', 'thread-id': '{title}' } },
      android: {
        ups: { options: { HW: { '/message/android/category': 'IM' }, all: [{ text: '{body} {other}' }] } },
      },
      harmony: { notification: { title: '{title}', body: '{body}', category: 'IM' } },
    };
    const message = { ...content(), title: '{body}', body: '$& {title}' };
    await client({ pushOptions }).push(message);
    const { push_channel: channel } = fake.calls('push')[0]!.body;
    should(channel.ios.aps).eql({
      alert: { title: '{body}', body: '$& {title}' },
      sound: 'ring.caf',
      'thread-id': '{body}',
    });
    should(channel.android.ups.options).eql({
      HW: { '/message/android/category': 'IM' },
      all: [{ text: '$& {title} {other}' }],
    });
    should(channel.android.ups.notification).containEql({ click_type: 'startapp' });
    should(channel.harmony.notification).eql({ title: '{body}', body: '$& {title}', category: 'IM' });
  });

  it('lets a second push of one name vanish, and calls it sent', async () => {
    const getui = client();
    fake.answerNext('push', 'lose-answer');
    (await getui.push(content())).result.should.equal('retry');
    (await getui.push(content())).result.should.equal('sent');
    fake.delivered.length.should.equal(1);
  });

  const answers: [GetuiScript, PushOutcome][] = [
    [{ code: 2 }, { result: 'retry', reason: '2 scripted' }],
    [
      { code: 10003, status: 500 },
      { result: 'retry', reason: '10003 scripted' },
    ],
    [{ code: 10005 }, { result: 'retry', reason: '10005 scripted' }],
    [
      { code: 0, status: 500 },
      { result: 'sent', taskId: '' },
    ],
    [
      { code: 20001, msg: 'target user is invalid' },
      { result: 'unknown device', reason: '20001 target user is invalid' },
    ],
    [
      { code: 20001, msg: 'other' },
      { result: 'rejected', reason: '20001 other' },
    ],
    [{ code: 10009 }, { result: 'rejected', reason: '10009 scripted' }],
    [
      { code: 301, status: 503 },
      { result: 'rejected', reason: '301 scripted' },
    ],
    [{ status: 502 }, { result: 'retry', reason: 'HTTP 502 without a code' }],
    [
      { status: 503, body: '{"msg":"x"}' },
      { result: 'retry', reason: 'HTTP 503 without a code' },
    ],
    [{ status: 404 }, { result: 'rejected', reason: 'HTTP 404 without a code' }],
    [
      { status: 200, body: '[]' },
      { result: 'rejected', reason: 'HTTP 200 without a code' },
    ],
    ['hang', { result: 'retry', reason: 'no answer in time' }],
    ['close', { result: 'retry', reason: 'no connection: UND_ERR_SOCKET' }],
  ];
  for (const [script, expected] of answers) {
    it(`${JSON.stringify(script)}: ${expected.result}`, async () => {
      fake.answerAlways('push', script);
      const getui = client({ timeoutMs: script === 'hang' ? SHORT_LIMIT_MS : LIMIT_MS });
      let outcome: PushOutcome | undefined;
      const lines = await linesPrintedBy(async () => (outcome = await getui.push(content())));
      should(outcome).eql(expected);
      fake.calls('push').length.should.equal(1);
      lines.should.eql([]);
    });
  }

  it('renews a token that is refused, and sends again, once', async () => {
    const getui = client();
    await getui.push(content('1'.repeat(32)));
    fake.expireTokens();
    (await getui.push(content('2'.repeat(32)))).result.should.equal('sent');
    fake.calls('auth').length.should.equal(2);
    fake.calls('push').length.should.equal(3);
  });

  it('has one error line a minute where the new token is refused, too', async () => {
    fake.answerAlways('push', REFUSED);
    const getui = client();
    const lines = await linesPrintedBy(async () => {
      for (let round = 0; round < 3; round += 1) {
        const outcome = await getui.push(content());
        outcome.should.eql({ result: 'retry', reason: 'code 10001' });
      }
    });
    fake.calls('push').length.should.equal(6);
    lines.length.should.equal(1);
    lines[0]!.should.startWith('[ERROR]').and.containEql('10001');
    for (const secret of [fake.masterSecret, 'cid-1', fake.calls('push')[0]!.token!])
      lines[0]!.should.not.containEql(secret);
  });

  for (const [what, script, errors] of [
    ['a sign that Getui refuses', undefined, 1],
    ['10003 from auth', { code: 10003 }, 0],
    ['a gateway without Getui', { status: 502 }, 0],
  ] as const) {
    it(`${what}: to be sent later`, async () => {
      if (script !== undefined) fake.answerAlways('auth', script);
      const getui = client(script === undefined ? { masterSecret: 'wrong' } : {});
      let outcome: PushOutcome | undefined;
      const lines = await linesPrintedBy(async () => (outcome = await getui.push(content())));
      should(outcome!.result).equal('retry');
      lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(errors);
      lines.join().should.not.containEql('wrong');
      fake.calls('push').length.should.equal(0);
    });
  }

  it('asks once for a token that many need, and keeps it', async () => {
    const getui = client();
    fake.answerNext('auth', { delayMs: 50 });
    const pushes = Array.from({ length: 30 }, (_, n) => getui.push(content(String(n).padStart(32, '0'))));
    for (const outcome of await Promise.all(pushes)) outcome.result.should.equal('sent');
    fake.calls('auth').length.should.equal(1);
  });

  it('is not there at all', async () => {
    const outcome = await client({ apiBase: `http://127.0.0.1:${await freePort()}` }).push(content());
    outcome.should.eql({ result: 'retry', reason: 'auth: no connection: ECONNREFUSED' });
  });

  it('sets a badge, and takes a push back', async () => {
    const getui = client();
    (await getui.badge('cid-1', 3)).result.should.equal('sent');
    should(fake.badges.get('cid-1')).equal('3');
    should(fake.calls('badge')[0]!.body).eql({ badge: '3' });
    (await getui.revoke('cid-1', 'b'.repeat(32), 'RASS_1')).result.should.equal('sent');
    should(fake.calls('push')[0]!.body).eql({
      request_id: 'b'.repeat(32),
      audience: { cid: ['cid-1'] },
      push_message: { revoke: { old_task_id: 'RASS_1' } },
      push_channel: { android: { ups: { revoke: { old_task_id: 'RASS_1' } } } },
    });
    fake.forget('cid-1');
    (await getui.badge('cid-1', 4)).result.should.equal('unknown device');
  });
});
