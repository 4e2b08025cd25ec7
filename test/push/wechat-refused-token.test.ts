import 'should';
import { memoryTokenCache } from '../../src/push/outgoing/access-token';
import { linesPrintedBy } from '../support/log-lines';
import { message, withFakeWechat } from './wechat-fixture';

/** WeChat says that the token is no good, and gives it again when it is asked for one. */
const REFUSED = { errcode: 40001, keepsToken: true };

describe('A WeChat token that is refused and given again', () => {
  const at = withFakeWechat();

  const forced = () => at.fake.tokenRequests.map(({ body }) => body.force_refresh);

  it('is changed by force_refresh, and the message goes out', async () => {
    const wechat = at.client();
    at.fake.answerNext('send', REFUSED);
    const { outcome, errors } = await at.sendLogged(wechat);
    outcome.result.should.equal('sent');
    errors.should.eql([]);
    forced().should.eql([false, false, true]);
    at.fake.sends[1]!.accessToken!.should.not.equal(at.fake.sends[0]!.accessToken);
  });

  it('is not changed where the renewal brings another one', async () => {
    const wechat = at.client();
    await wechat.send(message('a'));
    at.fake.expireToken();
    (await wechat.send(message('b'))).result.should.equal('sent');
    forced().should.eql([false, false]);
  });

  it('costs few calls and one error line, however many messages wait', async () => {
    let asked = 0;
    const wechat = at.client({ mayForceToken: () => Promise.resolve(asked++ === 0) });
    at.fake.answerAlways('send', REFUSED);
    const lines = await linesPrintedBy(async () => {
      for (let round = 0; round < 20; round += 1) {
        const sends = Array.from({ length: 20 }, (_, n) => wechat.send(message(`n-${round}-${n}`)));
        for (const outcome of await Promise.all(sends)) outcome.result.should.equal('retry');
      }
    });
    // The first token, the same again, another one by force, and that one again.
    forced().should.eql([false, false, true, false]);
    asked.should.equal(2);
    at.fake.sends.length.should.be.belowOrEqual(40);
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
    // A notice waits as for -1, and is not called refused by WeChat.
    at.fake.answerAlways('send', undefined);
    (await wechat.send(message('later'))).should.eql({
      result: 'retry',
      reason: 'the token that was refused came again a moment ago',
    });
  });

  it('that the token call refuses costs one error line a minute, too', async () => {
    at.fake.answerAlways('token', { errcode: 40125 });
    const wechat = at.client();
    const lines = await linesPrintedBy(async () => {
      for (let round = 0; round < 5; round += 1) await wechat.send(message());
    });
    lines.filter((line) => line.startsWith('[ERROR]')).length.should.equal(1);
  });

  it('is not taken from another process that does not know it yet', async () => {
    const tokenCache = memoryTokenCache();
    const [first, second] = [at.client({ tokenCache }), at.client({ tokenCache })];
    at.fake.answerNext('send', REFUSED);
    await first.send(message('a'));
    const refused = at.fake.sends[0]!.accessToken!;
    await tokenCache.set({ token: refused, renewAt: Date.now() + 60_000, expiresAt: Date.now() + 120_000 });
    (await first.send(message('b'))).result.should.equal('sent');
    at.fake.sends.filter(({ accessToken }) => accessToken === refused).length.should.equal(1);
    (await second.send(message('c'))).result.should.equal('sent');
  });
});
