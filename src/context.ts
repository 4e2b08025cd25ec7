import { availableParallelism } from 'node:os';
import { Activity } from './commands/activity';
import { Arrivals } from './commands/arrivals';
import { Calls } from './commands/calls';
import { Deliver } from './commands/deliver';
import { Healing } from './commands/healing';
import { NoticeWorker } from './commands/notice-worker';
import { Retention } from './commands/retention';
import { SendCache } from './commands/send-cache';
import { SendRate } from './commands/send-rate';
import { type CallServices, type Services } from './commands/services';
import { Tokens } from './commands/tokens';
import { announceTopics } from './commands/topics';
import { Writers } from './commands/writers';
import { type Database, openDatabase } from './db/database';
import { createMetrics } from './metrics';
import { type NoticePlan } from './model/append';
import { sessionMembers } from './model/participants';
import { type Bus } from './push/bus';
import { memoryBus } from './push/memory-bus';
import { SharedPresence } from './push/presence';
import { RedisBus } from './push/redis-bus';
import { redisTokenCache } from './push/redis-token-cache';
import { Sockets } from './push/sockets';
import { createWechat, type Wechat } from './push/wechat';
import { type WechatTokenCache } from './push/wechat-token';
import { type Config } from './resources/config/config';

/**
 * Transactions of sends that MySQL may have under way at once. Each needs a core of its own to be of use; where there are
 * but two, a second one only makes them smaller (doc/performance.md).
 */
const MYSQL_WRITERS = availableParallelism() > 2 ? 2 : 1;

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
  /** How many on MySQL; by default as many as this machine bears. */
  writers?: number;
}

/** What connects processes: memory where there is one alone, Redis where there may be several. */
function between(config: Config, overrides: Overrides): { bus: Bus; tokenCache?: WechatTokenCache } {
  if (overrides.bus !== undefined) return { bus: overrides.bus };
  if (config.redisUrl === undefined) return { bus: memoryBus() };
  const bus = new RedisBus({ url: config.redisUrl });
  if (config.wechat === undefined) return { bus };
  return { bus, tokenCache: redisTokenCache(bus.commands, { appId: config.wechat.appId }) };
}

/** Builds the whole server but its doors, top to bottom. Nothing is a global. */
export function createContext(config: Config, overrides: Overrides = {}): Context {
  const database = overrides.database ?? openDatabase(config.databaseUrl);
  const metrics = createMetrics();
  const { bus, tokenCache } = between(config, overrides);
  const sockets = new Sockets({
    user: (userId, online) => presence.userChanged(userId, online),
    bound: (sessionId, userId, bound) => presence.boundChanged(sessionId, userId, bound),
  });
  const presence = new SharedPresence(bus, sockets);
  const wechat =
    overrides.wechat ??
    (config.wechat === undefined ? undefined : createWechat({ ...config.wechat, tokenCache }));
  const activity = new Activity(database);
  const arrivals = new Arrivals(database, config.ackTimeoutMs, metrics);
  const cache = new SendCache(() => bus.healthy);
  const rate = new SendRate(config.sendRate);
  const tokens = new Tokens({ database, bus, secret: config.tokenSecret, appKeys: config.appKeys });

  const deliver = new Deliver({
    database,
    sockets,
    bus,
    activity,
    metrics,
    members: async (sessionId, version) => {
      const known = cache.members(sessionId, version);
      if (known !== undefined) return known;
      const members = await sessionMembers(database.kysely, sessionId);
      cache.setMembers(sessionId, version, members);
      return members;
    },
    settled: (sessionId) => writers.settled(sessionId),
  });
  const healing = new Healing({ database, bus, sockets, deliver, tokens, cache });
  const notices = new NoticeWorker({
    database,
    wechat,
    metrics,
    pollMs: Math.min(1000, Math.max(50, config.ackTimeoutMs / 4)),
  });
  const retention = new Retention({ database, retentionDays: config.retentionDays });
  // An acknowledgement of the last moment is in time, too: it is gathered and written until then.
  const delayMs = config.ackTimeoutMs + 2 * arrivals.gatherMs;
  const noticePlan: NoticePlan = (sessionId, patientId) => {
    if (presence.isBound(sessionId, patientId)) return { state: 'pending', delayMs };
    return { state: wechat === undefined ? 'skipped' : 'pending', delayMs: 0 };
  };
  const topicsReplied = (ids: readonly string[]) => void announceTopics({ database, deliver }, ids);
  const writers = new Writers(
    {
      database,
      cache,
      noticePlan,
      onCommitted: ({ committed, notices: written, repeated, repliedTopics }) => {
        deliver.messages(committed);
        for (const row of repeated) deliver.repeated(row);
        notices.written(written);
        topicsReplied(repliedTopics);
      },
    },
    database.dialect.name === 'sqlite' ? 1 : (overrides.writers ?? MYSQL_WRITERS),
  );
  const callServices: CallServices = {
    config,
    database,
    metrics,
    sockets,
    presence,
    bus,
    activity,
    arrivals,
    cache,
    deliver,
    notices,
    noticePlan,
    rate,
    tokens,
    topicsReplied,
    writers,
  };
  const calls = new Calls(callServices);
  const services: Services = { ...callServices, calls };
  bus.listen({
    event: (event) => {
      if (event.kind === 'revoked') tokens.forget(event.userId, event);
      if (event.kind === 'profile') cache.names.delete(event.userId);
      deliver.receive(event);
    },
  });

  return {
    ...services,
    start: async () => {
      await bus.start();
      await presence.start();
      notices.start();
      retention.start();
      calls.start();
    },
    close: async () => {
      calls.close();
      await writers.idle();
      await retention.close();
      await notices.close();
      await arrivals.close();
      await activity.close();
      await healing.close();
      presence.close();
      await bus.close();
      await database.close();
    },
  };
}
