import { setTimeout as sleep } from 'node:timers/promises';
import { type Database } from '../../db/database';
import { type NoticeRow, type NoticeState, type SessionRow } from '../../db/schema';
import { databaseNow } from '../../db/clock';
import { fromSqlTime, toSqlTime } from '../../db/time';
import { log } from '../../logger';
import { type Metrics } from '../../metrics';
import { findCall } from '../../model/calls';
import { messageTable } from '../../model/message-tables';
import { findMessage } from '../../model/messages';
import { type WantedEvents } from '../../model/written-events';
import { claimNotices, finishNotice, setWechatPause, wechatPause } from '../../model/notices';
import { type Finished } from '../../model/outbox';
import { findSessionOf } from '../../model/sessions';
import { lastTopic, topicOfMessage } from '../../model/topics';
import { findOpenid } from '../../model/users';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { type Outcome as WechatOutcome, type TemplateMessage, type Wechat } from '../../push/wechat/wechat';
import { messageText, nextShanghaiMidnight } from '../../push/wechat/wechat-fields';
import { type Channel, type Outcome } from '../outbox/outbox-worker';

/** Short enough for another process to step in within 30 s. */
const CLAIM_MS = 25_000;
/** A try takes no longer; a token that hangs makes it four calls of 5 s and the waiting for others. */
const TRY_LIMIT_MS = 20_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10 * 60_000;
const GIVE_UP_MS = 24 * 60 * 60_000;

/** What a template shows, and which kind of message it is, if that has a template of its own. */
type Shown = Pick<TemplateMessage, 'kind' | 'values'>;

const KIND_OF_TYPE: Readonly<Partial<Record<number, TemplateMessage['kind']>>> = {
  [MESSAGE_TYPE.topicStart]: 'topic_start',
  [MESSAGE_TYPE.topicEnd]: 'topic_end',
  [MESSAGE_TYPE.system]: 'system',
};

/** How long the retry after `attempts` failures waits: 1 s, doubling to 10 min. */
export function retryDelayMs(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), LAST_RETRY_MS);
}

/** Takes notices to WeChat as template messages. */
export class WechatChannel implements Channel<NoticeRow> {
  readonly name = 'WeChat notices';

  /** @param wechat undefined: WeChat is off, and what is due is skipped */
  constructor(
    private readonly database: Database,
    private readonly wechat: Wechat | undefined,
    private readonly metrics: Metrics,
    private readonly wantedEvents: WantedEvents,
  ) {}

  async claim(worker: string, limit: number): Promise<NoticeRow[]> {
    const { dialect, kysely } = this.database;
    if (this.wechat !== undefined) {
      const pausedUntil = await wechatPause(kysely);
      if (pausedUntil !== null && pausedUntil > (await databaseNow(kysely, dialect))) return [];
    }
    return claimNotices(this.database, { channel: 'wechat', worker, limit, claimMs: CLAIM_MS });
  }

  async send(notice: NoticeRow): Promise<Outcome> {
    const skipped = (error: string): Outcome => ({ state: 'skipped', error, isTry: false });
    const { wechat } = this;
    const db = this.database.kysely;
    if (wechat === undefined) return skipped('WeChat is off');
    const openid = await findOpenid(db, notice.user_id);
    if (openid === '') return skipped('the patient has no openid');
    const session = await findSessionOf(db, notice.session_id, notice.user_id);
    if (session === undefined) return skipped('the patient has left the session');
    const shown = await this.#shown(wechat, notice, session);
    if (shown === undefined) return skipped('there is nothing to tell any more');
    const message = {
      touser: openid,
      clientMsgId: notice.call_id ?? `notice-${notice.id}`,
      sessionId: notice.session_id,
      ...shown,
    };
    const late: WechatOutcome = { result: 'retry', reason: 'no answer in time' };
    return this.#outcomeOf(
      await Promise.race([wechat.send(message), sleep(TRY_LIMIT_MS, late, { ref: false })]),
    );
  }

  async #outcomeOf(outcome: WechatOutcome): Promise<Outcome> {
    switch (outcome.result) {
      case 'sent':
        return { state: 'sent', isTry: true };
      case 'rejected':
        return { state: 'failed', error: `${outcome.errcode} ${outcome.errmsg}`, isTry: true };
      case 'quota':
        return { state: 'pending', error: '45009 daily quota', until: await this.#pause() };
      case 'retry':
        return { state: 'pending', error: `${outcome.errcode ?? ''} ${outcome.reason}`.trim() };
    }
  }

  /** The day's quota is used up: notices wait, in all processes. */
  async #pause(): Promise<string> {
    const { dialect, kysely } = this.database;
    const now = await databaseNow(kysely, dialect);
    const until = toSqlTime(nextShanghaiMidnight(new Date(fromSqlTime(now))).getTime());
    await setWechatPause(this.database, until);
    log.warn(`WeChat's daily quota is used up: notices wait until ${until} UTC`);
    return until;
  }

  finish(worker: string, notice: NoticeRow, finished: Finished): Promise<NoticeState | undefined> {
    return finishNotice(this.database, this.wantedEvents, worker, notice, finished);
  }

  retryIn(_notice: NoticeRow, attempts: number, failingMs: number): number | undefined {
    return failingMs >= GIVE_UP_MS ? undefined : retryDelayMs(attempts);
  }

  ended(_notice: NoticeRow, state: Finished['state']): void {
    this.metrics.notices.inc({ channel: 'wechat', state });
  }

  close(): void {
    this.wechat?.close();
  }

  async #shown({ showsTopic }: Wechat, notice: NoticeRow, session: SessionRow): Promise<Shown | undefined> {
    const db = this.database.kysely;
    if (notice.call_id !== null) return this.#callShown(notice.call_id, session);
    if (notice.message_id === null) return undefined;
    const message = await findMessage(db, messageTable(session.type), session.id, notice.message_id);
    // Deleted, or taken back.
    if (message === undefined || message.content === null) return undefined;
    const topic = showsTopic ? await topicOfMessage(db, session.id, message.id) : undefined;
    const values = {
      sender_name: message.sender_name,
      text: messageText(message.type, JSON.parse(message.content)),
      time: new Date(fromSqlTime(message.timestamp)),
      session_name: session.name,
      topic_name: topic?.name,
    };
    return { kind: KIND_OF_TYPE[message.type], values };
  }

  async #callShown(callId: string, session: SessionRow): Promise<Shown | undefined> {
    const db = this.database.kysely;
    const call = await findCall(db, callId);
    if (call?.state !== 'ringing') return undefined;
    const topic = await lastTopic(db, session.id);
    const values = {
      sender_name: call.caller_name,
      text: messageText(MESSAGE_TYPE.call, null),
      time: new Date(fromSqlTime(call.create_time)),
      session_name: session.name,
      topic_name: topic?.open_session_id === session.id ? topic.name : undefined,
    };
    return { kind: 'call', values };
  }
}
