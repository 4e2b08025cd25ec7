import 'should';
import { type Outcome } from '../../src/push/wechat/wechat';
import { type AccessToken, memoryTokenCache, type TokenCache } from '../../src/push/outgoing/access-token';
import { type Scripted } from '../support/fake-wechat';
import { limitFor, message, withFakeWechat } from './wechat-fixture';

describe("WeChat's access token", () => {
  const at = withFakeWechat();

  describe('refused by template/send', () => {
    for (const errcode of [40001, 40014, 42001]) {
      it(`${errcode} once: renewed, sent again, no error line`, async () => {
        const wechat = at.client();
        (await wechat.send(message('notice-0'))).result.should.equal('sent');
        at.fake.expireToken();
        at.fake.answerNext('send', { errcode });
        const { outcome, errors } = await at.sendLogged(wechat);
        outcome.result.should.equal('sent');
        errors.should.eql([]);
        at.fake.tokenRequests.should.have.length(2);
        at.fake.sends.should.have.length(3);
        at.fake.sends[2]!.accessToken!.should.not.equal(at.fake.sends[1]!.accessToken);
      });

      it(`${errcode} twice: one error line, to be sent later, with another token`, async () => {
        const wechat = at.client();
        at.fake.answerNext('send', { errcode }, { errcode });
        const { outcome, errors } = await at.sendLogged(wechat);
        outcome.should.eql({ result: 'retry', errcode, reason: `errcode ${errcode}` });
        errors.should.have.length(1);
        errors[0]!.should.containEql(String(errcode));
        at.fake.sends.should.have.length(2);
        (await wechat.send(message())).result.should.equal('sent');
        at.fake.tokenRequests.should.have.length(3);
      });
    }

    it('renews once for many sends that fail together', async () => {
      const wechat = at.client();
      await wechat.send(message('first'));
      at.fake.expireToken();
      const sends = Array.from({ length: 20 }, (_, n) => wechat.send(message(`notice-${n}`)));
      for (const outcome of await Promise.all(sends)) outcome.result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
      at.fake.delivered.should.have.length(21);
    });
  });

  describe('answers of stable_token', () => {
    const rows: [Scripted, Outcome, errorLines: number][] = [
      ...[40001, 40013, 40125, 40164].map((errcode): [Scripted, Outcome, number] => [
        { errcode },
        { result: 'retry', errcode, reason: `stable_token: errcode ${errcode}` },
        1,
      ]),
      [{ errcode: -1 }, { result: 'retry', errcode: -1, reason: 'stable_token: errcode -1' }, 0],
      [{ errcode: 45011 }, { result: 'retry', errcode: 45011, reason: 'stable_token: errcode 45011' }, 0],
      [{ errcode: 45009 }, { result: 'quota', errcode: 45009, reason: 'stable_token: errcode 45009' }, 0],
      [{ status: 503 }, { result: 'retry', reason: 'stable_token: HTTP 503' }, 0],
      [{ body: '{}' }, { result: 'retry', reason: 'stable_token: an answer without a token' }, 0],
      [{ body: 'null' }, { result: 'retry', reason: 'stable_token: an answer that is no JSON object' }, 0],
      ['hang', { result: 'retry', reason: 'stable_token: no answer in time' }, 0],
      ['close', { result: 'retry', reason: 'stable_token: no connection: UND_ERR_SOCKET' }, 0],
    ];
    for (const [scripted, expected, errorLines] of rows) {
      it(`${JSON.stringify(scripted)}: ${expected.result}`, async () => {
        at.fake.answerAlways('token', scripted);
        const wechat = at.client({ timeoutMs: limitFor(scripted) });
        const { outcome, errors } = await at.sendLogged(wechat);
        outcome.should.eql(expected);
        errors.should.have.length(errorLines);
        at.fake.sends.should.have.length(0);
        at.fake.answerAlways('token', undefined);
        (await wechat.send(message())).result.should.equal('sent');
      });
    }

    for (const [what, options, errcode] of [
      ['an app id', { appId: 'wx-other' }, 40013],
      ['a secret', { appSecret: 'other' }, 40125],
    ] as const) {
      it(`${what} that WeChat does not know: ${errcode}`, async () => {
        const { outcome, errors } = await at.sendLogged(at.client(options));
        outcome.should.containEql({ result: 'retry', errcode });
        errors.should.have.length(1);
      });
    }
  });

  describe('kept', () => {
    it('is asked for once by 50 sends at once, and kept', async () => {
      at.fake.answerNext('token', { delayMs: 30 });
      const wechat = at.client();
      const sends = Array.from({ length: 50 }, (_, n) => wechat.send(message(`notice-${n}`)));
      for (const outcome of await Promise.all(sends)) outcome.result.should.equal('sent');
      await wechat.send(message('later'));
      at.fake.tokenRequests.should.have.length(1);
      at.fake.delivered.should.have.length(51);
    });

    it('is asked for again by the next send when the answer failed', async () => {
      at.fake.answerNext('token', 'close');
      const wechat = at.client();
      const both = await Promise.all([wechat.send(message('a')), wechat.send(message('b'))]);
      both.map((outcome) => outcome.result).should.eql(['retry', 'retry']);
      (await wechat.send(message('a'))).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
    });

    const lifetimes: [seconds: number, early: number][] = [
      [7200, 300_000],
      [600, 300_000],
      [300, 150_000],
      [10, 5000],
    ];
    for (const [seconds, early] of lifetimes) {
      it(`that lives ${seconds} s is renewed ${early / 1000} s early`, async () => {
        at.fake.expiresIn = seconds;
        const cache = memoryTokenCache();
        const start = Date.now();
        await at.client({ tokenCache: cache }).send(message());
        const kept = (await cache.get())!;
        (kept.expiresAt - kept.renewAt).should.equal(early);
        (kept.expiresAt - start).should.be.within(seconds * 1000 - 5, seconds * 1000 + 5_000);
      });
    }

    it('with a short life serves several sends, and is renewed before its end', async () => {
      at.fake.expiresIn = 4;
      const wechat = at.client();
      await wechat.send(message('a'));
      await wechat.send(message('b'));
      at.fake.tokenRequests.should.have.length(1);
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      (await wechat.send(message('c'))).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
      at.fake.sends
        .map((send) => send.accessToken === at.fake.sends[0]!.accessToken)
        .should.eql([true, true, false]);
    });

    it('without a lifetime is used at once and not kept', async () => {
      at.fake.answerAlways('token', { body: '{"access_token":"x"}' });
      at.fake.answerAlways('send', { body: '{"errcode":0}' });
      const wechat = at.client();
      (await wechat.send(message())).result.should.equal('sent');
      (await wechat.send(message())).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
    });

    /** A token that WeChat has given out and takes, kept with these times. */
    async function goodToken(renewIn: number, expireIn: number): Promise<AccessToken> {
      const cache = memoryTokenCache();
      await at.client({ tokenCache: cache }).send(message('good'));
      const { token } = (await cache.get())!;
      at.fake.tokenRequests.length = 0;
      return { token, renewAt: Date.now() + renewIn, expiresAt: Date.now() + expireIn };
    }

    it('goes on being used while its early renewal fails', async () => {
      const cache = memoryTokenCache();
      await cache.set(await goodToken(-1000, 60_000));
      at.fake.answerAlways('token', { status: 500 });
      (await at.client({ tokenCache: cache }).send(message())).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(1);
    });

    it('is not used after its end', async () => {
      const cache = memoryTokenCache();
      await cache.set(await goodToken(-2000, -1000));
      at.fake.answerAlways('token', { status: 500 });
      (await at.client({ tokenCache: cache }).send(message())).result.should.equal('retry');
      at.fake.sends.should.have.length(1);
    });
  });

  describe('a shared token cache', () => {
    it('lets a second process use the first one’s token', async () => {
      const tokenCache = memoryTokenCache();
      await at.client({ tokenCache }).send(message('a'));
      (await at.client({ tokenCache }).send(message('b'))).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(1);
    });

    it('is not robbed of a newer token by a process that was refused an older one', async () => {
      const tokenCache = memoryTokenCache();
      const [first, second] = [at.client({ tokenCache }), at.client({ tokenCache })];
      await first.send(message('a'));
      at.fake.expireToken();
      let answer: () => void = () => undefined;
      at.fake.answerNext('send', { when: new Promise<void>((resolve) => (answer = resolve)) });
      const slow = first.send(message('b'));
      await at.fake.waitForSends(2);
      (await second.send(message('c'))).result.should.equal('sent');
      // Only now is the first one told that its token is refused.
      answer();
      (await slow).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
    });

    it('with a lock asks once for several processes', async () => {
      const memory = memoryTokenCache();
      let last: Promise<unknown> = Promise.resolve();
      const tokenCache: TokenCache = {
        ...memory,
        exclusively: async (work) => {
          const mine = last.then(work);
          last = mine;
          return await mine;
        },
      };
      at.fake.answerNext('token', { delayMs: 30 });
      const sends = Array.from({ length: 5 }, (_, n) =>
        at.client({ tokenCache }).send(message(`notice-${n}`)),
      );
      for (const outcome of await Promise.all(sends)) outcome.result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(1);
    });

    it('that is away costs nothing: the process keeps its own', async () => {
      const away = (): Promise<never> => Promise.reject(new Error('away'));
      const tokenCache = { get: away, set: away, drop: away, exclusively: away };
      const wechat = at.client({ tokenCache });
      (await wechat.send(message('a'))).result.should.equal('sent');
      (await wechat.send(message('b'))).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(1);
      at.fake.expireToken();
      (await wechat.send(message('c'))).result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(2);
    });
  });
});
