import { type Database } from '../../db/database';
import { type NoticeRow } from '../../db/schema';
import { type Metrics } from '../../metrics';
import { type WrittenNotices } from '../../model/appending/append';
import { type WantedEvents } from '../../model/appending/events';
import { type Wechat } from '../../push/wechat/wechat';
import { OutboxWorker } from '../outbox/outbox-worker';
import { WechatChannel } from './wechat-channel';

export interface NoticesOptions {
  database: Database;
  /** undefined: WeChat is off. */
  wechat: Wechat | undefined;
  metrics: Metrics;
  wantedEvents: WantedEvents;
  /** How often to look for notices that have come due. */
  pollMs: number;
}

/** The ways of messages to people who are away. */
export class Notices {
  readonly #worker: OutboxWorker<NoticeRow>;

  constructor(private readonly options: NoticesOptions) {
    const { database, metrics, pollMs, wantedEvents, wechat } = options;
    this.#worker = new OutboxWorker(
      database,
      new WechatChannel(database, wechat, metrics, wantedEvents),
      pollMs,
    );
  }

  start(): void {
    this.#worker.start();
  }

  /** Notices were committed. */
  written({ dueNow, skipped }: WrittenNotices): void {
    if (skipped > 0) this.options.metrics.notices.inc({ state: 'skipped' }, skipped);
    if (dueNow) this.#worker.poke();
  }

  /** There may be something to do now. */
  poke(): void {
    this.#worker.poke();
  }

  close(): Promise<void> {
    return this.#worker.close();
  }
}
