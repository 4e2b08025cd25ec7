import { type WebhookEventRow } from '../../src/db/schema';
import { type TestDatabase } from '../support/databases';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';
import { WebhookReceiver } from '../support/webhook-receiver';

export interface WebhookStage {
  readonly server: TestServer;
  readonly receiver: WebhookReceiver;
}

/** Short waits between tries. */
export const QUICK = '50,100,200,400,800,1600,3200,6400';

/** For the top of a suite: a server that sends to a receiver, and one session `s` of a doctor `D` and a patient `P`. */
export function withWebhooks(database: TestDatabase, settings: Record<string, string> = {}): WebhookStage {
  let server: TestServer | undefined;
  let receiver: WebhookReceiver | undefined;

  before(async () => {
    receiver = await WebhookReceiver.start();
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_WEBHOOK_RETRY_MS: QUICK,
      ...receiver.settings,
      ...settings,
    });
    await server.users('D', 'P');
    await server.session('s', 1, 'D', 'P');
  });

  after(async () => {
    await server?.stop();
    await receiver?.stop();
  });

  return {
    get server() {
      return server!;
    },
    get receiver() {
      return receiver!;
    },
  };
}

/** All events of a session, in order. */
export function eventsOf(server: TestServer, sessionId: string): Promise<WebhookEventRow[]> {
  return server.context.database.kysely
    .selectFrom('webhook_events')
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('sequence')
    .execute();
}

/** A session's events, once `wanted` holds for them. @throws when it does not within `ms` */
export async function eventsWhen(
  server: TestServer,
  sessionId: string,
  wanted: (events: WebhookEventRow[]) => boolean,
  ms = 20_000,
): Promise<WebhookEventRow[]> {
  let events: WebhookEventRow[] = [];
  await waitUntil(
    async () => {
      events = await eventsOf(server, sessionId);
      return wanted(events);
    },
    ms,
    () => `the events are not as wanted: ${JSON.stringify(events.slice(0, 5))}`,
  );
  return events;
}
