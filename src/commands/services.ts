import { type Database } from '../db/database';
import { type Pictures } from '../files/pictures';
import { type FileStore } from '../files/store';
import { type Metrics } from '../metrics';
import { type NoticePlan } from '../model/written-notices';
import { type WantedEvents } from '../model/written-events';
import { type Bus } from '../push/bus/bus';
import { type Presence } from '../push/presence';
import { type Sockets } from '../push/sockets/sockets';
import { type Config } from '../resources/config/config';
import { type FileLinks } from '../views/file';
import { type Tokens } from './access/tokens';
import { type Calls } from './calls/calls';
import { type Activity } from './delivery/activity';
import { type AnnounceStored } from './delivery/announce-stored';
import { type Deliver } from './delivery/deliver';
import { type Acknowledgements } from './notices/acknowledgements';
import { type Badges } from './notices/badges';
import { type PushRecalls } from './notices/push-recalls';
import { type Notices } from './notices/notices';
import { type NameCache } from './sending/name-cache';
import { type SendRate } from './access/send-rate';
import { type Writer } from './sending/writer';
import { type Webhooks } from './webhooks/webhooks';

/** What there is once the server is built (`context.ts`). Controllers have all of it; a command names the parts that it uses. */
export interface Services {
  readonly config: Config;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly sockets: Sockets;
  readonly presence: Presence;
  readonly bus: Bus;
  readonly activity: Activity;
  readonly acknowledgements: Acknowledgements;
  readonly badges: Badges;
  readonly pushRecalls: PushRecalls;
  readonly names: NameCache;
  readonly deliver: Deliver;
  readonly announceStored: AnnounceStored;
  readonly noticePlan: NoticePlan;
  readonly notices: Notices;
  readonly wantedEvents: WantedEvents;
  readonly rate: SendRate;
  readonly tokens: Tokens;
  readonly writer: Writer;
  readonly calls: Calls;
  /** undefined: files are switched off */
  readonly fileStore: FileStore | undefined;
  /** undefined: sharp is not installed */
  readonly pictures: Pictures | undefined;
  readonly fileLinks: FileLinks;
  readonly webhooks: Webhooks;
}
