import { setTimeout as sleep } from 'node:timers/promises';
import { type Database } from '../../db/database';
import { type NoticeRow, type NoticeState, type SessionRow } from '../../db/schema';
import { fromSqlTime } from '../../db/time';
import { type Metrics } from '../../metrics';
import { type WantedEvents } from '../../model/written-events';
import { findCall } from '../../model/calls';
import { findDevice, retireDevice } from '../../model/devices';
import { type Finished } from '../../model/outbox';
import { claimPushes } from '../../model/claim-pushes';
import { DEVICE_GONE, finishPush, newerWasSent } from '../../model/push-notices';
import { findSessionOf } from '../../model/sessions';
import { unreadTotal } from '../../model/unread';
import { MESSAGE_TYPE } from '../../model/values/message-content';
import { type Getui, type PushOutcome } from '../../push/getui/getui';
import { type PushContent } from '../../push/getui/push-body';
import { type Channel, type Outcome } from '../outbox/outbox-worker';
import { messageBody, pushBodyText, pushTitle } from './push-text';
import { type PushRecalls } from './push-recalls';
import { retryDelayMs } from './wechat-channel';

/** Short enough for another process to step in within 30 s. */
const CLAIM_MS = 25_000;
/** A try takes no longer; a token that hangs makes it four calls of 5 s and the waiting for others. */
const TRY_LIMIT_MS = 20_000;
const DAY_MS = 24 * 60 * 60_000;
const KEPT_BY_GETUI_MS = DAY_MS;
/** What a notice's row has room for; Getui's are some 50. */
const TASK_ID_LENGTH = 128;

/** What a push shows, and what it is about. */
type Shown = Pick<PushContent, 'body' | 'subject' | 'ttlMs'>;

export interface GetuiChannelParts {
  database: Database;
  getui: Getui;
  metrics: Metrics;
  recalls: PushRecalls;
  /** What is shown of a message. */
  text: 'hidden' | 'full';
  callTimeoutMs: number;
  wantedEvents: WantedEvents;
  /** WeChat takes over from a push that nobody took: a notice of it is due. */
  wechatIsDue: () => void;
}

/** Takes notices to phones' apps, through Getui. */
export class GetuiChannel implements Channel<NoticeRow> {
  readonly name = 'Getui notices';

  constructor(private readonly parts: GetuiChannelParts) {}

  async claim(worker: string, limit: number): Promise<NoticeRow[]> {
    const { rows, skipped } = await claimPushes(this.parts.database, { worker, limit, claimMs: CLAIM_MS });
    if (skipped > 0) this.#count('skipped', skipped);
    return rows;
  }

  async send(notice: NoticeRow): Promise<Outcome> {
    const db = this.parts.database.kysely;
    const skipped = (error: string): Outcome => ({ state: 'skipped', error, isTry: false });
    const device = await findDevice(db, notice.client_id ?? '');
    if (device?.user_id !== notice.user_id || device.state !== 'active') return skipped(DEVICE_GONE);
    const session = await findSessionOf(db, notice.session_id, notice.user_id);
    if (session === undefined) return skipped('the user has left the session');
    const shown = await this.#shown(notice, session);
    if (shown === undefined) return skipped('there is nothing to tell any more');
    if (notice.message_id !== null && (await newerWasSent(db, notice)))
      return skipped('a newer one was sent');
    const push = this.parts.getui.push({
      clientId: device.client_id,
      requestId: notice.request_id ?? '',
      sessionId: session.id,
      badge: await unreadTotal(db, notice.user_id),
      title: pushTitle(session.name),
      ...shown,
    });
    const late: PushOutcome = { result: 'retry', reason: 'no answer in time' };
    const outcome = await Promise.race([push, sleep(TRY_LIMIT_MS, late, { ref: false })]);
    if (outcome.result === 'unknown device') await retireDevice(db, device);
    if (outcome.result === 'sent') notice.task_id = storable(outcome.taskId);
    return outcomeOf(outcome);
  }

  async #shown(notice: NoticeRow, session: SessionRow): Promise<Shown | undefined> {
    const db = this.parts.database.kysely;
    const { callTimeoutMs, text } = this.parts;
    if (notice.call_id !== null) {
      const call = await findCall(db, notice.call_id);
      if (call?.state !== 'ringing') return undefined;
      return {
        subject: { call_id: call.id },
        ttlMs: callTimeoutMs,
        body: pushBodyText(text, call.caller_name, MESSAGE_TYPE.call, null),
      };
    }
    if (notice.message_id === null) return undefined;
    const body = await messageBody(db, text, session, notice.message_id);
    if (body === undefined) return undefined;
    return { subject: { message_id: notice.message_id }, ttlMs: KEPT_BY_GETUI_MS, body };
  }

  async finish(worker: string, notice: NoticeRow, finished: Finished): Promise<NoticeState | undefined> {
    const { database, wantedEvents } = this.parts;
    const { alsoFailed, state, wechat } = await finishPush(database, wantedEvents, worker, notice, finished);
    if (alsoFailed > 0) this.#count('failed', alsoFailed);
    if (wechat) this.parts.wechatIsDue();
    if (state === 'sent') this.parts.recalls.sentLate(notice);
    return state;
  }

  retryIn(notice: NoticeRow, attempts: number): number | undefined {
    // `update_time` is the time of the claim, by the database's clock.
    const age = fromSqlTime(notice.update_time) - fromSqlTime(notice.resend_time ?? notice.create_time);
    return age >= DAY_MS ? undefined : retryDelayMs(attempts);
  }

  ended(_notice: NoticeRow, state: Finished['state']): void {
    this.#count(state, 1);
  }

  close(): void {
    this.parts.getui.close();
  }

  #count(state: Finished['state'], count: number): void {
    this.parts.metrics.notices.inc({ channel: 'getui', state }, count);
  }
}

/** A push of which Getui names no task, or one that is no name any more, can't be taken back. */
function storable(taskId: string): string | null {
  return taskId === '' || taskId.length > TASK_ID_LENGTH ? null : taskId;
}

function outcomeOf(outcome: PushOutcome): Outcome {
  switch (outcome.result) {
    case 'sent':
      return { state: 'sent', isTry: true };
    case 'retry':
      return { state: 'pending', error: outcome.reason };
    case 'unknown device':
    case 'rejected':
      return { state: 'failed', error: outcome.reason, isTry: true };
  }
}
