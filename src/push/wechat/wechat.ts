import { type ProxyConfig, type WechatConfig } from '../../resources/config/config';
import { type TemplateKind } from '../../resources/config/push-settings';
import { createTokenSource, type TokenCache } from '../outgoing/access-token';
import { rareError } from '../outgoing/rare-error';
import { createWechatApi } from './wechat-api';
import { fillLink, fillTemplate, type TemplateValues } from './wechat-fields';
import { wechatTokenHost } from './wechat-token';

export interface WechatOptions {
  appId: string;
  appSecret: string;
  templateId: string;
  /** The link that the template opens; may hold `{session_id}`. */
  url?: string | undefined;
  /** Template field to text with placeholders. */
  templateData: Readonly<Record<string, string>>;
  /** Templates for kinds of messages, instead of the one above. */
  templates?: WechatConfig['templates'] | undefined;
  apiBase: string;
  /** In memory by default. */
  tokenCache?: TokenCache | undefined;
  /** Whether WeChat may be asked now for another token than the one that it gives: at most once in 30 s and 20 times a day. */
  mayForceToken: () => Promise<boolean>;
  proxy?: ProxyConfig | undefined;
  /** Limit of each HTTP call. */
  timeoutMs?: number;
}

export interface TemplateMessage {
  /** The receiver's openid. */
  touser: string;
  /** Names the notice; WeChat shows one message an openid and name within 10 minutes. */
  clientMsgId: string;
  sessionId: string;
  /** What may have a template of its own; undefined: no such kind. */
  kind?: TemplateKind | undefined;
  values: TemplateValues;
}

/** What has become of a send, and so what to do next. */
export type Outcome =
  /** WeChat has it. `msgid` has more digits than a number holds; empty where WeChat gave none. */
  | { result: 'sent'; msgid: string }
  /** Not now: the same message may be sent again later. `errcode` is absent where no answer of WeChat's came. */
  | { result: 'retry'; errcode?: number; reason: string }
  /** The day's quota is used up: nothing can be sent before the next midnight in Asia/Shanghai. */
  | { result: 'quota'; errcode: number; reason: string }
  /** Never: sending it again would bring the same answer. */
  | { result: 'rejected'; errcode: number; errmsg: string };

export interface Wechat {
  /** Whether any template shows the topic's name. */
  readonly showsTopic: boolean;
  /** Sends one template message. Rejects only as `mayForceToken` does. Takes at most six HTTP calls' time limits. */
  send(message: TemplateMessage): Promise<Outcome>;
  /** Breaks off the sends under way; they end as `retry`. */
  close(): void;
}

const DAILY_QUOTA = 45009;
const TOKEN_REFUSED = new Set([40001, 40014, 42001]);
const BUSY = new Set([-1, 45011]);
const ERRMSG_LENGTH = 200;

/** Read from the text: parsed as a number, its last digits would be lost. */
function msgidOf(text: string): string {
  return /"msgid"\s*:\s*"?(\d+)/.exec(text)?.[1] ?? '';
}

/** The outcome for a code of WeChat's that is not 0 and does not concern the token. */
function outcomeOf(errcode: number, errmsg: unknown): Outcome {
  if (errcode === DAILY_QUOTA) return { result: 'quota', errcode, reason: `errcode ${errcode}` };
  if (BUSY.has(errcode)) return { result: 'retry', errcode, reason: `errcode ${errcode}` };
  return {
    result: 'rejected',
    errcode,
    errmsg: typeof errmsg === 'string' ? errmsg.slice(0, ERRMSG_LENGTH) : '',
  };
}

/**
 * A client for WeChat's template messages: transport only, it keeps nothing but the access token.
 * https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
 */
export function createWechat(options: WechatOptions): Wechat {
  const { templateId, url, templateData } = options;
  const api = createWechatApi(options.apiBase, options.timeoutMs ?? 5000, options.proxy);
  const complain = rareError();
  const tokens = createTokenSource(
    wechatTokenHost(api, options, options.mayForceToken, complain),
    options.tokenCache,
  );

  /** One send with one token; gives back that token where WeChat refuses it. */
  async function attempt(body: unknown): Promise<Outcome | { refused: string; errcode: number }> {
    const got = await tokens.token();
    if (!got.ok) {
      const { code: errcode, reason } = got;
      // Whatever the token call is refused for, the notice is not at fault: it may go out once the set-up is put right.
      if (errcode === DAILY_QUOTA) return { result: 'quota', errcode, reason };
      return errcode === undefined ? { result: 'retry', reason } : { result: 'retry', errcode, reason };
    }
    const query = `access_token=${encodeURIComponent(got.token)}`;
    const answer = await api.post(`cgi-bin/message/template/send?${query}`, body);
    if (!answer.ok) return { result: 'retry', reason: answer.reason };
    const { errcode, errmsg } = answer.body;
    if (typeof errcode !== 'number') return { result: 'retry', reason: 'an answer without errcode' };
    if (errcode === 0) return { result: 'sent', msgid: msgidOf(answer.text) };
    return TOKEN_REFUSED.has(errcode) ? { refused: got.token, errcode } : outcomeOf(errcode, errmsg);
  }

  const fields = [options, ...Object.values(options.templates ?? {})];
  return {
    showsTopic: JSON.stringify(fields).includes('{topic_name}'),
    send: async ({ touser, clientMsgId, kind, sessionId, values }) => {
      const own = kind === undefined ? undefined : options.templates?.[kind];
      const body = {
        touser,
        template_id: own?.template_id ?? templateId,
        ...(url === undefined ? {} : { url: fillLink(url, sessionId) }),
        client_msg_id: clientMsgId,
        data: fillTemplate(own?.data ?? templateData, values),
      };
      const first = await attempt(body);
      if (!('refused' in first)) return first;
      await tokens.refused(first.refused);
      const second = await attempt(body);
      if (!('refused' in second)) return second;
      await tokens.refused(second.refused);
      const { errcode } = second;
      complain(`WeChat refuses the renewed access token too: errcode ${errcode}`);
      return { result: 'retry', errcode, reason: `errcode ${errcode}` };
    },
    close: () => api.close(),
  };
}
