import { type Database } from '../../db/database';
import { type NoticeRow } from '../../db/schema';
import { describeError, log } from '../../logger';
import { type Metrics } from '../../metrics';
import { type WrittenNotices } from '../../model/written-notices';
import { type WantedEvents } from '../../model/written-events';
import { skipAllPushes } from '../../model/push-notices';
import { type Getui } from '../../push/getui/getui';
import { type Wechat } from '../../push/wechat/wechat';
import { OutboxWorker } from '../outbox/outbox-worker';
import { GetuiChannel } from './getui-channel';
import { type PushRecalls } from './push-recalls';
import { WechatChannel } from './wechat-channel';

export interface NoticesOptions {
  database: Database;
  /** undefined: WeChat is off. */
  wechat: Wechat | undefined;
  /** undefined: there are no pushes to apps. */
  getui: Getui | undefined;
  pushText: 'hidden' | 'full';
  callTimeoutMs: number;
  recalls: PushRecalls;
  metrics: Metrics;
  wantedEvents: WantedEvents;
  /** How often to look for notices that have come due. */
  pollMs: number;
}

/** The ways of messages to people who are away: a worker for each channel. */
export class Notices {
  readonly #wechat: OutboxWorker<NoticeRow>;
  readonly #getui: OutboxWorker<NoticeRow> | undefined;

  constructor(private readonly options: NoticesOptions) {
    const { callTimeoutMs, database, getui, metrics, pollMs, pushText, recalls, wantedEvents, wechat } =
      options;
    const channel = new WechatChannel(database, wechat, metrics, wantedEvents);
    this.#wechat = new OutboxWorker(database, channel, pollMs);
    if (getui === undefined) return;
    const wechatIsDue = () => this.#wechat.poke();
    const parts = {
      database,
      getui,
      metrics,
      recalls,
      text: pushText,
      callTimeoutMs,
      wantedEvents,
      wechatIsDue,
    };
    this.#getui = new OutboxWorker(database, new GetuiChannel(parts), pollMs);
  }

  start(): void {
    this.#wechat.start();
    if (this.#getui !== undefined) this.#getui.start();
    else
      skipAllPushes(this.options.database).catch((error: unknown) => {
        if (!this.options.database.outage.explains(error))
          log.warn(`pushes that nobody makes any more could not be skipped: ${describeError(error)}`);
      });
  }

  /** Notices were committed, with so many messages. */
  written({ dueNow, pushesSkipped = 0, skipped }: WrittenNotices, messages: number): void {
    const { notices } = this.options.metrics;
    if (skipped > 0) notices.inc({ channel: 'wechat', state: 'skipped' }, skipped);
    if (pushesSkipped > 0) notices.inc({ channel: 'getui', state: 'skipped' }, pushesSkipped);
    this.#wechat.stored(messages);
    this.#getui?.stored(messages);
    if (dueNow) this.poke();
  }

  /** There may be something to do now. */
  poke(): void {
    this.#wechat.poke();
    this.#getui?.poke();
  }

  /** Closes WeChat and Getui. @param getuiUsers those who need Getui besides, and come to an end */
  async close(getuiUsers?: Promise<unknown>): Promise<void> {
    await Promise.all([this.#wechat.close(), this.#getui?.close({ others: getuiUsers })]);
  }
}
