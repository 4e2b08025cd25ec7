import { type NoticeRow } from '../../src/db/schema';
import { type TestDatabase } from '../support/databases';
import { FakeWechat } from '../support/fake-wechat';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

/** The settings that make a server use `fake`. */
export function wechatSettings(fake: FakeWechat): Record<string, string> {
  return {
    IM_WECHAT_APP_ID: fake.appId,
    IM_WECHAT_APP_SECRET: fake.appSecret,
    IM_WECHAT_TEMPLATE_ID: fake.templateId,
    IM_WECHAT_API_BASE: fake.baseUrl,
    IM_WECHAT_URL: 'https://h5.example.com/chat?s={session_id}',
  };
}

/** A message as an answer gives it: its id is unique in its session's table only. */
export interface SentMessage {
  id: number;
  session_id?: unknown;
}

export function noticesOf(server: TestServer, message: SentMessage): Promise<NoticeRow[]> {
  return server.context.database.kysely
    .selectFrom('notices')
    .selectAll()
    .where('message_id', '=', message.id)
    .where('session_id', '=', String(message.session_id))
    .orderBy('user_id')
    .execute();
}

/** The one notice of a message, once `wanted` holds for it. @throws when it does not within `ms` */
export async function noticeWhen(
  server: TestServer,
  message: SentMessage,
  wanted: (notice: NoticeRow) => boolean,
  ms = 20_000,
): Promise<NoticeRow> {
  let found: NoticeRow[] = [];
  await waitUntil(
    async () => {
      found = await noticesOf(server, message);
      return found.length === 1 && wanted(found[0]!);
    },
    ms,
    () => `the notice is not as wanted: ${JSON.stringify(found)}`,
  );
  return found[0]!;
}

/** Lets time pass for a notice: it is due now. */
export async function makeDue(
  server: TestServer,
  id: number,
  change: { due_time?: string; retry_since?: string } = {},
) {
  await server.context.database.kysely
    .updateTable('notices')
    .set({ due_time: '2020-01-01 00:00:00.000', ...change })
    .where('id', '=', id)
    .execute();
  server.context.notices.poke();
}

export interface NoticeStage {
  readonly server: TestServer;
  readonly fake: FakeWechat;
}

/** For the top of a suite: a server with a fake WeChat, one session `s` of a doctor `D` and a patient `P`. */
export function withNotices(database: TestDatabase, settings: Record<string, string> = {}): NoticeStage {
  let server: TestServer | undefined;
  let fake: FakeWechat | undefined;

  before(async () => {
    fake = await FakeWechat.start();
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      ...wechatSettings(fake),
      ...settings,
    });
    await server.users('D', 'P');
    await server.session('s', 3, 'D', 'P');
  });

  afterEach(() => fake?.reset());

  after(async () => {
    await server?.stop();
    await fake?.stop();
  });

  return {
    get server() {
      return server!;
    },
    get fake() {
      return fake!;
    },
  };
}
