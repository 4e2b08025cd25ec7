import { Activity } from './commands/delivery/activity';
import { announcerOf } from './commands/delivery/announce-stored';
import { Deliver } from './commands/delivery/deliver';
import { Healing } from './commands/delivery/healing';
import { Tokens } from './commands/access/tokens';
import { Sweep } from './commands/files/sweep';
import { Calls } from './commands/calls/calls';
import { LoneProcess } from './commands/maintenance/lone-process';
import { Retention } from './commands/maintenance/retention';
import { Acknowledgements } from './commands/notices/acknowledgements';
import { Badges } from './commands/notices/badges';
import { noticePlanOf } from './commands/notices/notice-plan';
import { Notices } from './commands/notices/notices';
import { PushRecalls } from './commands/notices/push-recalls';
import { MemberCache } from './commands/sending/member-cache';
import { NameCache } from './commands/sending/name-cache';
import { SendRate } from './commands/access/send-rate';
import { ReplyReminder } from './commands/topics/reply-reminder';
import { Writer } from './commands/sending/writer';
import { Webhooks } from './commands/webhooks/webhooks';
import { type Services } from './commands/services';
import { type Database, openDatabase } from './db/database';
import { Pictures } from './files/pictures';
import { type FileStore, openStore } from './files/store';
import { log } from './logger';
import { createMetrics } from './metrics';
import { takeForcedToken } from './model/forced-tokens';
import { NO_EVENTS } from './model/written-events';
import { sessionMembers } from './model/participants';
import { type Bus } from './push/bus/bus';
import { memoryBus } from './push/bus/memory-bus';
import { RedisBus } from './push/bus/redis-bus';
import { SharedPresence } from './push/presence';
import { Sockets } from './push/sockets/sockets';
import { type TokenCache } from './push/outgoing/access-token';
import { redisTokenCache } from './push/outgoing/redis-token-cache';
import { createGetui, type Getui } from './push/getui/getui';
import { createWechat, type Wechat } from './push/wechat/wechat';
import { type Config } from './resources/config/config';
import { FileLinks } from './views/file';

export interface Context extends Services {
  /** Meets the other processes and starts what works in the background; the schema must be there. Redis may be away. */
  start(): Promise<void>;
  /** Ends everything in the reverse order of its making. */
  close(): Promise<void>;
}

/** What tests put in place of the real parts. */
export interface Overrides {
  database?: Database;
  bus?: Bus;
  wechat?: Wechat;
  getui?: Getui;
  fileStore?: FileStore;
  /** null: as if sharp were not installed */
  pictures?: Pictures | null;
}

/** What connects processes: memory where there is one alone, Redis where there may be several. */
function between(config: Config, overrides: Overrides): { bus: Bus; tokenCache: TokenCacheOf } {
  if (overrides.bus !== undefined) return { bus: overrides.bus, tokenCache: () => undefined };
  if (config.redisUrl === undefined) return { bus: memoryBus(), tokenCache: () => undefined };
  const bus = new RedisBus({ url: config.redisUrl });
  return { bus, tokenCache: (host, appId) => redisTokenCache(bus.commands, { host, appId }) };
}

/** Where a host's access token is kept; undefined: in memory. */
type TokenCacheOf = (host: 'wechat' | 'getui', appId: string) => TokenCache | undefined;

function wechatOf(config: Config, tokenCache: TokenCacheOf, database: Database): Wechat | undefined {
  const { proxy, wechat } = config;
  if (wechat === undefined) return undefined;
  return createWechat({
    ...wechat,
    tokenCache: tokenCache('wechat', wechat.appId),
    mayForceToken: () => takeForcedToken(database),
    proxy,
  });
}

function getuiOf({ getui, proxy }: Config, tokenCache: TokenCacheOf): Getui | undefined {
  if (getui === undefined) return undefined;
  return createGetui({ ...getui, tokenCache: tokenCache('getui', getui.appId), proxy });
}

function picturesOf({ pictures }: Overrides): Pictures | undefined {
  return pictures === undefined ? Pictures.load() : (pictures ?? undefined);
}

/** Builds the whole server but its doors, top to bottom. Nothing is a global. */
export function createContext(config: Config, overrides: Overrides = {}): Context {
  const database =
    overrides.database ?? openDatabase(config.databaseUrl, { connections: config.databaseConnections });
  const metrics = createMetrics();
  const { bus, tokenCache } = between(config, overrides);
  const sockets = new Sockets({
    user: (userId, online) => presence.userChanged(userId, online),
    bound: (sessionId, userId, bound) => presence.boundChanged(sessionId, userId, bound),
    asleep: (sessionId, userId, asleep) => presence.asleepChanged(sessionId, userId, asleep),
  });
  const presence = new SharedPresence(bus, sockets);
  const wechat = overrides.wechat ?? wechatOf(config, tokenCache, database);
  const getui = overrides.getui ?? getuiOf(config, tokenCache);
  const activity = new Activity(database);
  const acknowledgements = new Acknowledgements(
    database,
    config.ackTimeoutMs,
    metrics,
    getui === undefined ? ['wechat'] : ['wechat', 'getui'],
  );
  const members = new MemberCache();
  const names = new NameCache(() => bus.healthy);
  const rate = new SendRate(config.sendRate);
  const tokens = new Tokens({ database, bus, secret: config.tokenSecret, appKeys: config.appKeys });

  const fileLinks = new FileLinks(config.tokenSecret, config.filesBaseUrl);
  const fileStore =
    overrides.fileStore ?? (config.files === undefined ? undefined : openStore(config.files, config.proxy));
  const pictures = fileStore === undefined ? undefined : picturesOf(overrides);
  const sweep = fileStore === undefined ? undefined : new Sweep(database, fileStore);

  const deliver = new Deliver({
    database,
    fileLinks,
    sockets,
    bus,
    activity,
    metrics,
    members: async (sessionId, version) => {
      const known = members.get(sessionId);
      if (known?.version === version) return known.members;
      const found = await sessionMembers(database.kysely, sessionId);
      members.set(sessionId, { version, members: found });
      return found;
    },
    settled: () => writer.settled(),
  });
  const healing = new Healing({ database, bus, sockets, deliver, tokens, names });
  const wantedEvents = config.webhook?.events ?? NO_EVENTS;
  const badges = new Badges(database, getui);
  const pushRecalls = new PushRecalls(database, getui);
  const notices = new Notices({
    database,
    wechat,
    getui,
    pushText: config.getui?.text ?? 'hidden',
    callTimeoutMs: config.callTimeoutMs,
    recalls: pushRecalls,
    metrics,
    wantedEvents,
    pollMs: Math.min(1000, Math.max(50, config.ackTimeoutMs / 4)),
  });
  const lone = bus.shared || !database.isServer ? undefined : new LoneProcess(database);
  const webhooks = new Webhooks({ ...config, fileLinks }, database, metrics);
  const retention = new Retention({ database, retentionDays: config.retentionDays });
  // An acknowledgement of the last moment is in time, too: it is gathered and written until then.
  const noticePlan = noticePlanOf(presence, {
    wechat: wechat !== undefined,
    getui: getui !== undefined,
    ackMs: config.ackTimeoutMs + 2 * acknowledgements.gatherMs,
  });
  const announceStored = announcerOf({ database, deliver, activity, notices, metrics, webhooks });
  const writer = new Writer({
    database,
    members,
    names,
    noticePlan,
    fileLinks,
    wantedEvents,
    announce: (outcome) => {
      announceStored(outcome);
      for (const row of outcome.repeated) deliver.repeated(row);
    },
  });
  const calls = new Calls({
    bus,
    config,
    database,
    presence,
    sockets,
    deliver,
    announceStored,
    noticePlan,
    notices,
    wantedEvents,
  });
  const replyReminder = new ReplyReminder({
    database,
    deliver,
    wantedEvents,
    remindMs: config.replyRemindMs,
  });
  bus.listen({
    event: (event) => {
      if (event.kind === 'revoked') tokens.forget(event.userId, event);
      if (event.kind === 'profile') names.delete(event.userId);
      deliver.receive(event);
    },
  });

  return {
    config,
    database,
    metrics,
    sockets,
    presence,
    bus,
    activity,
    acknowledgements,
    badges,
    pushRecalls,
    names,
    deliver,
    announceStored,
    noticePlan,
    wantedEvents,
    notices,
    webhooks,
    rate,
    tokens,
    writer,
    calls,
    fileStore,
    pictures,
    fileLinks,
    start: async () => {
      await bus.start();
      await presence.start();
      notices.start();
      webhooks.start();
      replyReminder.start();
      retention.start();
      lone?.start();
      calls.start();
      sweep?.start();
      if (fileStore !== undefined && pictures === undefined)
        log.warn('Pictures are not taken: the optional package sharp is not installed for this machine');
    },
    close: async () => {
      calls.close();
      await sweep?.close();
      fileStore?.close();
      await replyReminder.close();
      await writer.idle();
      await lone?.close();
      await retention.close();
      // Side by side: one after the other they could take longer than a stop may.
      const getuiUsers = Promise.all([badges.close(), pushRecalls.close()]);
      await Promise.all([notices.close(getuiUsers), webhooks.close()]);
      await acknowledgements.close();
      await activity.close();
      await healing.close();
      presence.close();
      await bus.close();
      await database.close();
    },
  };
}
