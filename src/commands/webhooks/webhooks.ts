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

  constructor({ fileLinks, proxy, webhook: config }: WebhooksOptions, database: Database, metrics: Metrics) {
    if (config === undefined) return;
    const client = new WebhookClient(config, undefined, proxy);
    const channel = new WebhookChannel({ database, config, client, fileLinks, metrics });
    this.#worker = new OutboxWorker(database, channel, POLL_MS);
  }

  start(): void {
    this.#worker?.start();
  }

  /** Events were committed, with so many messages. */
  written(messages: number): void {
    this.#worker?.stored(messages);
    this.poke();
  }

  /** There may be something to do now. */
  poke(): void {
    this.#worker?.poke();
  }

  async close(): Promise<void> {
    await this.#worker?.close({ graceMs: GRACE_MS });
  }
}
