import { type Database } from '../db/database';
import { type Metrics } from '../metrics';
import { type NoticePlan } from '../model/append';
import { type Bus } from '../push/bus';
import { type Sockets } from '../push/sockets';
import { type Config } from '../resources/config/config';
import { type Activity } from './activity';
import { type Arrivals } from './arrivals';
import { type Calls } from './calls';
import { type Deliver } from './deliver';
import { type NoticeWorker } from './notice-worker';
import { type Presence } from '../push/presence';
import { type SendCache } from './send-cache';
import { type SendRate } from './send-rate';
import { type Tokens } from './tokens';
import { type Writers } from './writers';

/** What commands work with; `context.ts` builds it. */
export interface Services extends CallServices {
  readonly calls: Calls;
}

/** The part of it that calls work with. */
export interface CallServices {
  readonly config: Config;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly sockets: Sockets;
  readonly presence: Presence;
  readonly bus: Bus;
  readonly activity: Activity;
  readonly arrivals: Arrivals;
  readonly cache: SendCache;
  readonly deliver: Deliver;
  readonly notices: NoticeWorker;
  readonly noticePlan: NoticePlan;
  readonly rate: SendRate;
  readonly tokens: Tokens;
  readonly writers: Writers;
  /** Tells topics that got their first reply. */
  topicsReplied(ids: readonly string[]): void;
}
