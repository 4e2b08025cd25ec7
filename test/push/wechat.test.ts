import 'should';
import { type Outcome } from '../../src/push/wechat/wechat';
import { type Scripted } from '../support/fake-wechat';
import { freePort } from '../support/free-port';
import { limitFor, message, OPENID, SHORT_LIMIT_MS, withFakeWechat } from './wechat-fixture';

describe('WeChat client', () => {
  const at = withFakeWechat();

  it('sends what WeChat documents', async () => {
    const outcome = await at.client().send(message());
    outcome.should.eql({ result: 'sent', msgid: '3428411849815982088' });
    at.fake.tokenRequests
      .map((request) => request.body)
      .should.eql([
        {
          grant_type: 'client_credential',
          appid: at.fake.appId,
          secret: at.fake.appSecret,
          force_refresh: false,
        },
      ]);
    at.fake.sends.should.have.length(1);
    at.fake.sends[0]!.body.should.eql({
      touser: OPENID,
      template_id: at.fake.templateId,
      url: 'https://im.example.cn/?s=s%3A1',
      client_msg_id: 'notice-1',
      data: {
        thing1: { value: '王医生' },
        thing2: { value: '明天复诊' },
        time3: { value: '2026-11-22 16:00' },
      },
    });
  });

  it('leaves the link out where none is set, and takes an address that ends with a slash', async () => {
    const outcome = await at.client({ url: undefined, apiBase: `${at.fake.baseUrl}/` }).send(message());
    outcome.result.should.equal('sent');
    at.fake.sends[0]!.body.should.not.have.property('url');
  });

  it('counts a repeat of a client_msg_id as sent, and WeChat shows one message', async () => {
    at.fake.answerNext('send', 'lose-answer');
    const wechat = at.client();
    (await wechat.send(message())).result.should.equal('retry');
    (await wechat.send(message())).result.should.equal('sent');
    at.fake.sends.should.have.length(2);
    at.fake.delivered.should.have.length(1);
    (await wechat.send(message('notice-2'))).result.should.equal('sent');
    at.fake.delivered.should.have.length(2);
  });

  describe('answers of template/send', () => {
    const rejected = [
      ...[40003, 43004, 43019, 48002, 50005],
      ...[40037, 47001, 47003, 48001, 48004],
      ...[43116, 43101, 99999],
    ].map((errcode): [Scripted, Outcome] => [
      { errcode, errmsg: 'no' },
      { result: 'rejected', errcode, errmsg: 'no' },
    ]);
    const rows: [Scripted, Outcome][] = [
      ...rejected,
      [{ errcode: -1 }, { result: 'retry', errcode: -1, reason: 'errcode -1' }],
      [{ errcode: 45011 }, { result: 'retry', errcode: 45011, reason: 'errcode 45011' }],
      [{ errcode: 45009 }, { result: 'quota', errcode: 45009, reason: 'errcode 45009' }],
      [{ status: 500 }, { result: 'retry', reason: 'HTTP 500' }],
      [
        { status: 502, body: '{"errcode":0}' },
        { result: 'retry', reason: 'HTTP 502' },
      ],
      [{ status: 302 }, { result: 'retry', reason: 'HTTP 302' }],
      [{ status: 403 }, { result: 'retry', reason: 'an answer that is no JSON object' }],
      [{ body: '' }, { result: 'retry', reason: 'an answer that is no JSON object' }],
      [{ body: '[0]' }, { result: 'retry', reason: 'an answer that is no JSON object' }],
      [{ body: '{"errmsg":"ok"}' }, { result: 'retry', reason: 'an answer without errcode' }],
      [{ body: '{"errcode":"0"}' }, { result: 'retry', reason: 'an answer without errcode' }],
      [{ body: '{"errcode":0}' }, { result: 'sent', msgid: '' }],
      ['hang', { result: 'retry', reason: 'no answer in time' }],
      ['close', { result: 'retry', reason: 'no connection: UND_ERR_SOCKET' }],
    ];
    for (const [scripted, expected] of rows) {
      it(`${JSON.stringify(scripted)}: ${expected.result}`, async () => {
        at.fake.answerAlways('send', scripted);
        const { outcome, errors } = await at.sendLogged(at.client({ timeoutMs: limitFor(scripted) }));
        const { errmsg, ...rest } = outcome as Outcome & { errmsg?: string };
        const { errmsg: wanted, ...others } = expected as Outcome & { errmsg?: string };
        rest.should.eql(others);
        (errmsg ?? '').should.startWith(wanted ?? '');
        at.fake.sends.should.have.length(1);
        errors.should.eql([]);
      });
    }

    it('takes no longer than the limit for an answer that trickles in', async () => {
      at.fake.answerAlways('send', 'trickle');
      const wechat = at.client({ timeoutMs: SHORT_LIMIT_MS });
      (await wechat.send(message())).should.eql({ result: 'retry', reason: 'no answer in time' });
    });

    it('WeChat is not there at all', async () => {
      const apiBase = `http://127.0.0.1:${await freePort()}`;
      const outcome = await at.client({ apiBase }).send(message());
      outcome.should.eql({ result: 'retry', reason: 'stable_token: no connection: ECONNREFUSED' });
    });
  });

  describe('close', () => {
    it('breaks off a send that is under way, and refuses later ones', async () => {
      at.fake.answerAlways('send', 'hang');
      const wechat = at.client({ timeoutMs: 60_000 });
      const send = wechat.send(message());
      await at.fake.waitForSends(1);
      wechat.close();
      (await send).should.eql({ result: 'retry', reason: 'shutting down' });
      (await wechat.send(message())).should.eql({ result: 'retry', reason: 'shutting down' });
      at.fake.sends.should.have.length(1);
    });
  });
});
