import { type Database } from '../../db/database';
import { log } from '../../logger';
import { type Metrics } from '../../metrics';
import { MESSAGE_TABLES, messageTable } from '../../model/message-tables';
import { messagesById } from '../../model/messages';
import { type Finished } from '../../model/outbox';
import { quotedBy } from '../../model/quotes';
import { topicsById } from '../../model/topics';
import { claimEvents, type ClaimedEvent, finishEvents, type FinishedEvent } from '../../model/webhook-events';
import { type WebhookAnswer, type WebhookClient } from '../../push/webhook/webhook-client';
import { type WebhookConfig } from '../../resources/config/webhook';
import { type FileView } from '../../views/file';
import { type WebhookSubject, webhookBody } from '../../views/webhook';
import { type Channel, type Outcome } from '../outbox/outbox-worker';

/** Longer than a try takes, and short enough for another process to step in within 30 s. */
const CLAIM_MS = 25_000;
/** A wait is up to so much longer, so that events that failed together don't come together again. */
const JITTER = 0.1;
const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60_000;
/** Tries that end together are recorded together. */
const FINISH_GATHER_MS = 5;
const GONE = 410;

/** An event with what it tells of, as it was when it was claimed. */
export interface LoadedEvent extends ClaimedEvent {
  subject: WebhookSubject;
}

export interface WebhookChannelOptions {
  database: Database;
  config: Pick<WebhookConfig, 'content' | 'retryMs'>;
  client: WebhookClient;
  fileLinks: FileView;
  metrics: Metrics;
}

/** Takes events to the platform's webhook. */
export class WebhookChannel implements Channel<LoadedEvent> {
  readonly name = 'webhook events';
  #isGone = false;
  #finishes: {
    finish: FinishedEvent;
    resolve: (state: Finished['state'] | undefined) => void;
    reject: (error: unknown) => void;
  }[] = [];

  constructor(private readonly options: WebhookChannelOptions) {}

  async claim(worker: string, limit: number): Promise<LoadedEvent[]> {
    if (this.#isGone) return [];
    return this.#load(await claimEvents(this.options.database, { worker, limit, claimMs: CLAIM_MS }));
  }

  async #load(events: readonly ClaimedEvent[]): Promise<LoadedEvent[]> {
    const db = this.options.database.kysely;
    const subjects = new Map<string, WebhookSubject>();
    for (const table of MESSAGE_TABLES) {
      const ofTable = events.filter(({ session_type }) => messageTable(session_type) === table);
      const messages = await messagesById(
        db,
        table,
        ofTable.flatMap(({ message_id }) => message_id ?? []),
      );
      for (const { id, message_id } of ofTable) {
        const message = messages.get(message_id ?? 0);
        if (message === undefined) continue;
        const quoted = await quotedBy(db, table, message.session_id, [message]);
        subjects.set(id, { message, quoted: quoted.get(message.reply_to ?? 0) });
      }
    }
    const topics = await topicsById(
      db,
      events.flatMap(({ topic_id }) => topic_id ?? []),
    );
    return events.map((event) => {
      const topic = topics.get(event.topic_id ?? '');
      return { ...event, subject: topic === undefined ? (subjects.get(event.id) ?? {}) : { topic } };
    });
  }

  async send(event: LoadedEvent): Promise<Outcome> {
    if (this.#isGone) return { state: 'given back' };
    const { message_id, subject } = event;
    if (message_id !== null && subject.message === undefined)
      return { state: 'failed', error: 'the message is gone', isTry: false };
    const { config, fileLinks } = this.options;
    const body = webhookBody(event, subject, config.content, fileLinks);
    return this.#outcomeOf(await this.options.client.post(event.id, body));
  }

  #outcomeOf(answer: WebhookAnswer): Outcome {
    if (answer.result === 'broken off') return { state: 'given back' };
    if (answer.result === 'failed') return { state: 'pending', error: answer.reason };
    const { retryAfter, status } = answer;
    if (status >= 200 && status < 300) return { state: 'sent', isTry: true };
    if (status === GONE) {
      if (!this.#isGone)
        log.error('the webhook answered 410: this process sends no more events until it is restarted');
      this.#isGone = true;
      return { state: 'given back' };
    }
    return { state: 'pending', error: `HTTP ${status}`, leastMs: waitOf(retryAfter) };
  }

  finish(worker: string, event: LoadedEvent, finished: Finished): Promise<Finished['state'] | undefined> {
    return new Promise((resolve, reject) => {
      this.#finishes.push({ finish: { event, finished }, resolve, reject });
      if (this.#finishes.length === 1) setTimeout(() => void this.#record(worker), FINISH_GATHER_MS);
    });
  }

  async #record(worker: string): Promise<void> {
    const finishes = this.#finishes;
    this.#finishes = [];
    try {
      const recorded = await finishEvents(
        this.options.database,
        worker,
        finishes.map(({ finish }) => finish),
      );
      for (const { finish, resolve } of finishes)
        resolve(recorded.has(finish.event.id) ? finish.finished.state : undefined);
    } catch (error) {
      // The worker tells of it.
      for (const { reject } of finishes) reject(error);
    }
  }

  retryIn(_event: LoadedEvent, attempts: number): number | undefined {
    const wait = this.options.config.retryMs[attempts - 1];
    return wait === undefined ? undefined : wait * (1 + JITTER * Math.random());
  }

  ended(_event: LoadedEvent, state: Finished['state']): void {
    this.options.metrics.events.inc({ state });
  }

  close(): void {
    this.options.client.close();
  }
}

/** How long `Retry-After` asks to wait: seconds, or until a date (RFC 9110, 10.2.3). */
function waitOf(retryAfter: string | undefined): number {
  if (retryAfter === undefined) return 0;
  const text = retryAfter.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
