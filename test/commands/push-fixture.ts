import { type NoticeRow } from '../../src/db/schema';
import { wechatSettings } from '../model/notice-fixture';
import { type TestDatabase } from '../support/databases';
import { FakeGetui } from '../support/fake-getui';
import { FakeWechat } from '../support/fake-wechat';
import { TestServer } from '../support/server';
import { terminateAll } from '../support/socket-client';
import { waitUntil } from '../support/wait-until';

/** How long a push waits for a socket: longer than a busy machine takes to acknowledge. */
export const ACK_MS = 3_000;

export interface PushStage {
  readonly server: TestServer;
  readonly getui: FakeGetui;
  readonly wechat: FakeWechat;
  /** Logs a user in from a phone. @returns the token */
  phone(user: string, clientId: string, platform?: 'ios' | 'android'): Promise<string>;
  /** The notices of a session, in the order in which they were written. */
  notices(session: string): Promise<NoticeRow[]>;
  /** The session's notices, once `wanted` holds. */
  noticesWhen(session: string, wanted: (rows: NoticeRow[]) => boolean): Promise<NoticeRow[]>;
  /** Lets time pass for a notice: it is due now, and, with `late`, WeChat takes over. */
  passTime(id: number, late?: boolean): Promise<void>;
}

/** `<channel> <user> <client_id> <state>` of each, sorted. */
export function brief(rows: readonly NoticeRow[]): string[] {
  return rows
    .map(({ channel, client_id, state, user_id }) =>
      [channel, user_id, client_id, state].filter((part) => part !== null).join(' '),
    )
    .sort();
}

/** For the top of a suite: a server with Getui and WeChat, and users `D`, `D2`, `P`, `P2`. */
export function withPush(database: TestDatabase, settings: Record<string, string> = {}): PushStage {
  let server: TestServer | undefined;
  let getui: FakeGetui | undefined;
  let wechat: FakeWechat | undefined;

  before(async () => {
    getui = await FakeGetui.start();
    wechat = await FakeWechat.start();
    server = await TestServer.start({
      IM_DATABASE_URL: await database.freshUrl(),
      IM_ACK_TIMEOUT_MS: String(ACK_MS),
      ...wechatSettings(wechat),
      ...getui.settings,
      ...settings,
    });
    await server.users('D', 'D2', 'P', 'P2');
  });

  afterEach(async () => {
    await terminateAll();
    getui?.reset();
    wechat?.reset();
    await server?.context.database.kysely.deleteFrom('devices').execute();
  });

  after(async () => {
    await server?.stop();
    await getui?.stop();
    await wechat?.stop();
  });

  const notices = (session: string) =>
    server!.context.database.kysely
      .selectFrom('notices')
      .selectAll()
      .where('session_id', '=', session)
      .orderBy('id')
      .execute();

  return {
    get server() {
      return server!;
    },
    get getui() {
      return getui!;
    },
    get wechat() {
      return wechat!;
    },
    phone: async (user, clientId, platform = 'ios') => {
      const type = user.startsWith('P') ? 'patient' : 'doctor';
      const { body } = await server!
        .request('post', '/users/login')
        .send({ user_id: user, user_type: type, platform, client_id: clientId })
        .expect(200);
      return body.token as string;
    },
    notices,
    noticesWhen: async (session, wanted) => {
      let found: NoticeRow[] = [];
      await waitUntil(
        async () => {
          found = await notices(session);
          return wanted(found);
        },
        20_000,
        () => `the notices are not as wanted: ${JSON.stringify(found)}`,
      );
      return found;
    },
    passTime: async (id, late = false) => {
      const past = '2020-01-01 00:00:00.000';
      // In a transaction, which is made again where it loses against a worker's.
      await server!.context.database.transaction((trx) =>
        trx
          .updateTable('notices')
          .set({ due_time: past, ...(late ? { fallback_time: past } : {}) })
          .where('id', '=', id)
          .execute(),
      );
      server!.context.notices.poke();
    },
  };
}
