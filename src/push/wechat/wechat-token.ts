import { type AskedToken, type TokenHost } from '../outgoing/access-token';
import { type WechatApi } from './wechat-api';

export interface WechatAccount {
  appId: string;
  appSecret: string;
}

/** No set-up faults: WeChat is busy, asked too often, or has had its day's fill. */
const PASSING = new Set([-1, 45009, 45011]);

/**
 * Asks WeChat for access tokens.
 * https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html
 * @param mayForce whether a token may be asked for in place of one that is still good: WeChat allows it 20 times a day
 * @param complain writes an error line
 */
export function wechatTokenHost(
  api: WechatApi,
  { appId, appSecret }: WechatAccount,
  mayForce: () => Promise<boolean>,
  complain: (text: string) => void,
): TokenHost {
  async function ask(isForced: boolean): Promise<AskedToken> {
    const answer = await api.post('cgi-bin/stable_token', {
      grant_type: 'client_credential',
      appid: appId,
      secret: appSecret,
      force_refresh: isForced,
    });
    if (!answer.ok) return { ok: false, reason: `stable_token: ${answer.reason}` };
    const { access_token: token, expires_in: seconds, errcode } = answer.body;
    if (typeof token === 'string' && token !== '') {
      return { ok: true, token, lifetimeMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 0 };
    }
    if (typeof errcode !== 'number') return { ok: false, reason: 'stable_token: an answer without a token' };
    if (!PASSING.has(errcode)) complain(`WeChat refuses to give an access token: errcode ${errcode}`);
    return { ok: false, code: errcode, reason: `stable_token: errcode ${errcode}` };
  }

  return {
    ask: () => ask(false),
    askAnother: async () => {
      if (await mayForce()) return await ask(true);
      complain('WeChat gives an access token again that it refuses, and gives no other one for now');
      return undefined;
    },
  };
}
