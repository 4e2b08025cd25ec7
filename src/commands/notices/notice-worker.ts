import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database } from '../../db/database';
import { type NoticeRow, type SessionRow } from '../../db/schema';
import { fromSqlTime, toSqlTime } from '../../db/time';
import { describeError, log } from '../../logger';
import { type Metrics } from '../../metrics';
import { findCall } from '../../model/calls';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { type WrittenNotices } from '../../model/appending/append';
import { findMessage } from '../../model/messages';
import { messageTable } from '../../model/message-tables';
import {
  claimNotices,
  finishNotice,
  type NoticeOutcome,
  setWechatPause,
  wechatPause,
} from '../../model/notices';
import { findSession } from '../../model/sessions';
import { lastTopic, topicOfMessage } from '../../model/topics';
import { findUser } from '../../model/users';
import { messageText, nextShanghaiMidnight, type TemplateValues } from '../../push/wechat/wechat-fields';
import { type Wechat } from '../../push/wechat/wechat';

/** Sends under way at once; no more are claimed than are sent at once, so that a crash leaves few in doubt. */
const CONCURRENCY = 8;
/** Longer than the four HTTP calls of 5 s that one send may take, and short enough for another process to step in within 30 s. */
const CLAIM_MS = 25_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10 * 60_000;
const GIVE_UP_MS = 24 * 60 * 60_000;
const ERROR_LENGTH = 255;

export interface NoticeWorkerOptions {
  database: Database;
  /** undefined: WeChat is off, and what is due is skipped. */
  wechat: Wechat | undefined;
  metrics: Metrics;
  /** How often to look for notices that have come due. */
  pollMs: number;
}

/** How long the retry after `attempts` failures waits: 1 s, doubling to 10 min. */
export function retryDelayMs(attempts: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20), LAST_RETRY_MS);
}

/** Takes notices that are due to WeChat. Runs in every process; the claims keep two workers off one notice. */
export class NoticeWorker {
  readonly #id = randomUUID();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(private readonly options: NoticeWorkerOptions) {}

  /** From now on due notices are looked for; needs the schema. */
  start(): void {
    this.#timer = setInterval(() => this.poke(), this.options.pollMs);
    this.#timer.unref();
    this.poke();
  }

  /** Notices were written with a message. */
  written({ dueNow, skipped }: WrittenNotices): void {
    if (skipped > 0) this.options.metrics.notices.inc({ state: 'skipped' }, skipped);
    if (dueNow) this.poke();
  }

  /** There may be something to do now. */
  poke(): void {
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Waits for the sends under way, `graceMs` at most; a send that is broken off is made again later under the same name. */
  async close(graceMs = 5_000): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const done = this.#running;
    if (done === undefined) return;
    await Promise.race([done, sleep(graceMs, undefined, { ref: false })]);
    this.options.wechat?.close();
    await done;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        while (await this.#takeSome());
      }
    } catch (error) {
      log.warn(`the notices' worker could not work, trying again: ${describeError(error)}`);
    } finally {
      this.#running = undefined;
    }
  }

  /** @returns whether there may be more */
  async #takeSome(): Promise<boolean> {
    const { database, wechat } = this.options;
    if (this.#stopped) return false;
    if (wechat !== undefined && (await wechatPause(database.kysely)) > Date.now()) return false;
    const claimed = await claimNotices(database, this.#id, CONCURRENCY, CLAIM_MS);
    await Promise.all(claimed.map((notice) => this.#take(notice)));
    return claimed.length === CONCURRENCY;
  }

  async #take(notice: NoticeRow): Promise<void> {
    const { database, metrics } = this.options;
    try {
      const outcome = await this.#send(notice);
      await finishNotice(database.kysely, this.#id, notice.id, outcome);
      if (outcome.state !== 'pending') metrics.notices.inc({ state: outcome.state });
    } catch (error) {
      // The claim runs out, and the notice comes again.
      log.error(`notice ${notice.id} could not be worked on: ${describeError(error)}`);
    }
  }

  async #send(notice: NoticeRow): Promise<NoticeOutcome> {
    const { database, wechat } = this.options;
    if (wechat === undefined) return { state: 'skipped', last_error: 'WeChat is off' };
    const openid = (await findUser(database.kysely, notice.user_id))?.openid ?? '';
    if (openid === '') return { state: 'skipped', last_error: 'the patient has no openid' };
    const values = await this.#values(notice);
    if (values === undefined) return { state: 'skipped', last_error: 'the message is gone' };

    const outcome = await wechat.send({
      touser: openid,
      clientMsgId: notice.call_id ?? `notice-${notice.id}`,
      sessionId: notice.session_id,
      values,
    });
    const attempts = notice.attempts + 1;
    switch (outcome.result) {
      case 'sent':
        return { state: 'sent', attempts, last_error: null };
      case 'rejected':
        return {
          state: 'failed',
          attempts,
          last_error: `${outcome.errcode} ${outcome.errmsg}`.slice(0, ERROR_LENGTH),
        };
      case 'quota':
        return this.#pause(attempts);
      case 'retry':
        return this.#retry(notice, attempts, `${outcome.errcode ?? ''} ${outcome.reason}`.trim());
    }
  }

  async #pause(attempts: number): Promise<NoticeOutcome> {
    const until = nextShanghaiMidnight(new Date());
    await setWechatPause(this.options.database, until.getTime());
    log.warn(`WeChat's daily quota is used up: notices wait until ${until.toISOString()}`);
    return {
      state: 'pending',
      attempts,
      due_time: toSqlTime(until.getTime()),
      last_error: '45009 daily quota',
      retry_since: null,
    };
  }

  #retry(notice: NoticeRow, attempts: number, reason: string): NoticeOutcome {
    const now = Date.now();
    const since = notice.retry_since ?? toSqlTime(now);
    const failed = { attempts, last_error: reason.slice(0, ERROR_LENGTH), retry_since: since };
    if (now - fromSqlTime(since) >= GIVE_UP_MS) return { ...failed, state: 'failed' };
    return { ...failed, state: 'pending', due_time: toSqlTime(now + retryDelayMs(attempts)) };
  }

  async #values(notice: NoticeRow): Promise<TemplateValues | undefined> {
    const db = this.options.database.kysely;
    const session = await findSession(db, notice.session_id);
    if (session === undefined) return undefined;
    if (notice.call_id !== null) return this.#callValues(notice.call_id, session);
    if (notice.message_id === null) return undefined;
    const message = await findMessage(db, messageTable(session.type), session.id, notice.message_id);
    if (message === undefined) return undefined;
    const topic = await topicOfMessage(db, session.id, message.id);
    return {
      sender_name: message.sender_name,
      text: messageText(message.type, JSON.parse(message.content)),
      time: new Date(fromSqlTime(message.timestamp)),
      session_name: session.name,
      topic_name: topic?.name,
    };
  }

  async #callValues(callId: string, session: SessionRow): Promise<TemplateValues | undefined> {
    const db = this.options.database.kysely;
    const call = await findCall(db, callId);
    if (call === undefined) return undefined;
    const topic = await lastTopic(db, session.id);
    return {
      sender_name: call.caller_name,
      text: messageText(MESSAGE_TYPE.call, null),
      time: new Date(fromSqlTime(call.create_time)),
      session_name: session.name,
      topic_name: topic?.open_session_id === session.id ? topic.name : undefined,
    };
  }
}
