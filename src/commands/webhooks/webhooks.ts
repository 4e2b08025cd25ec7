import { type Database } from '../../db/database';
import { type Metrics } from '../../metrics';
import { WebhookClient } from '../../push/webhook/webhook-client';
import { type ProxyConfig } from '../../resources/config/config';
import { type WebhookConfig } from '../../resources/config/webhook';
import { type FileView } from '../../views/file';
import { OutboxWorker } from '../outbox/outbox-worker';
import { type LoadedEvent, WebhookChannel } from './webhook-channel';

/** How often to look for events that have come due, or that another process wrote. */
const POLL_MS = 500;
/**
 * Sends go first: while many messages are stored at once, looks for events are rarer, so that many events share one. What is left
 * over then is sent when there is less to do.
 */
const GATHER_MS = { else: 5, busy: 100 };
/** A transaction of so many messages, not longer ago than this, tells that there is much to do. */
const BUSY = { messages: 8, ms: 300 };
/** At SIGTERM tries may end; then they are given back. */
const GRACE_MS = 1_000;

export interface WebhooksOptions {
  /** undefined: webhooks are off, and events wait */
  webhook: WebhookConfig | undefined;
  proxy: ProxyConfig | undefined;
  fileLinks: FileView;
}

/** The platform's webhook: events that were written with what they tell go there. */
export class Webhooks {
  readonly #worker: OutboxWorker<LoadedEvent> | undefined;
  #busyUntil = 0;

  constructor({ fileLinks, proxy, webhook: config }: WebhooksOptions, database: Database, metrics: Metrics) {
    if (config === undefined) return;
    const gatherMs = () => (performance.now() < this.#busyUntil ? GATHER_MS.busy : GATHER_MS.else);
    const client = new WebhookClient(config, undefined, proxy);
    const channel = new WebhookChannel({ database, config, client, fileLinks, metrics, gatherMs });
    this.#worker = new OutboxWorker(database, channel, POLL_MS);
  }

  start(): void {
    this.#worker?.start();
  }

  /** Events were committed, with so many messages. */
  written(messages: number): void {
    if (messages >= BUSY.messages) this.#busyUntil = performance.now() + BUSY.ms;
    this.poke();
  }

  /** There may be something to do now. */
  poke(): void {
    this.#worker?.poke();
  }

  async close(): Promise<void> {
    await this.#worker?.close(GRACE_MS);
  }
}
