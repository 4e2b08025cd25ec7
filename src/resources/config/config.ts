import dotenv from 'dotenv';
import { dev } from './dev';
import { prod } from './prod';
import { SETTINGS, type SettingName } from './settings';
import { test } from './test';

const PROFILES = { prod, test, dev } as const;
export type Profile = keyof typeof PROFILES;
type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that the server cannot start with. `message` is the one line that the operator sees. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface IceServer {
  urls: string | string[];
  username?: string | undefined;
  credential?: string | undefined;
  [extra: string]: unknown;
}

/** What the WeChat client needs of the settings. */
export interface WechatConfig {
  appId: string;
  appSecret: string;
  templateId: string;
  /** The link that the template opens; `{session_id}` in it is replaced. */
  url: string | undefined;
  /** Template field to text with placeholders. */
  templateData: Record<string, string>;
  apiBase: string;
}

export interface Config {
  profile: Profile;
  port: number;
  host: string;
  databaseUrl: string;
  /** undefined: one process. */
  redisUrl: string | undefined;
  appKeys: string[];
  tokenSecret: string;
  /** undefined: WeChat is off. */
  wechat: WechatConfig | undefined;
  ackTimeoutMs: number;
  /** Messages a second that one user may send; the burst is twice that. */
  sendRate: number;
  /** `['*']`: all; undefined: the server's own alone. */
  corsOrigins: string[] | undefined;
  callTimeoutMs: number;
  callReconnectMs: number;
  heartbeatMs: number;
  iceServers: IceServer[];
  /** undefined: messages are kept for ever. */
  retentionDays: number | undefined;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  logDirectory: string | undefined;
  /** `dev` alone: login without the app key makes the demo work. */
  openLogin: boolean;
  /** `dev` alone: demo pages and demo data. */
  demo: boolean;
}

/**
 * The settings of a profile, out of `environment`. An empty variable counts as unset.
 * @throws ConfigError that names the first setting at fault and what it accepts
 */
export function configFrom(environment: Environment): Config {
  const profile = environment.IM_PROFILE === '' ? undefined : environment.IM_PROFILE;
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile)) {
    throw new ConfigError('IM_PROFILE accepts prod, test or dev (unset: dev)');
  }
  const chosen = (profile ?? 'dev') as Profile;
  const defaults: Environment = PROFILES[chosen];

  function setting<Name extends SettingName>(name: Name): ReturnType<(typeof SETTINGS)[Name]['parse']> {
    const given = environment[name];
    const text = given === undefined || given === '' ? defaults[name] : given;
    const result = SETTINGS[name].safeParse(text);
    if (result.success) return result.data as ReturnType<(typeof SETTINGS)[Name]['parse']>;
    if (text === undefined) {
      const accepted = SETTINGS[name].safeParse('\0').error?.issues[0]?.message ?? 'a value';
      throw new ConfigError(`${name} is required in ${chosen} and accepts ${accepted}`);
    }
    throw new ConfigError(`${name} accepts ${result.error.issues[0]?.message ?? 'another value'}`);
  }

  const config: Config = {
    profile: chosen,
    port: setting('IM_PORT'),
    host: setting('IM_HOST'),
    databaseUrl: setting('IM_DATABASE_URL'),
    redisUrl: setting('IM_REDIS_URL'),
    appKeys: setting('IM_APP_KEY'),
    tokenSecret: setting('IM_TOKEN_SECRET'),
    wechat: undefined,
    ackTimeoutMs: setting('IM_ACK_TIMEOUT_MS'),
    sendRate: setting('IM_SEND_RATE'),
    corsOrigins: setting('IM_CORS_ORIGINS'),
    callTimeoutMs: setting('IM_CALL_TIMEOUT_MS'),
    callReconnectMs: setting('IM_CALL_RECONNECT_MS'),
    heartbeatMs: setting('IM_HEARTBEAT_MS'),
    iceServers: setting('IM_ICE_SERVERS'),
    retentionDays: setting('IM_RETENTION_DAYS'),
    logLevel: setting('IM_LOG_LEVEL'),
    logDirectory: setting('IM_LOG_DIR'),
    openLogin: chosen === 'dev',
    demo: chosen === 'dev',
  };
  config.wechat = wechatFrom(
    setting('IM_WECHAT_APP_ID'),
    setting('IM_WECHAT_APP_SECRET'),
    setting('IM_WECHAT_TEMPLATE_ID'),
    {
      url: setting('IM_WECHAT_URL'),
      templateData: setting('IM_WECHAT_TEMPLATE_DATA'),
      apiBase: setting('IM_WECHAT_API_BASE').replace(/\/+$/, ''),
    },
  );
  if (chosen === 'prod') refuseDevelopmentConstants(config);
  return config;
}

function wechatFrom(
  appId: string | undefined,
  appSecret: string | undefined,
  templateId: string | undefined,
  rest: Pick<WechatConfig, 'url' | 'templateData' | 'apiBase'>,
): WechatConfig | undefined {
  if (appId !== undefined && appSecret !== undefined && templateId !== undefined) {
    return { appId, appSecret, templateId, ...rest };
  }
  if (appId === undefined && appSecret === undefined && templateId === undefined) return undefined;
  const missing = Object.entries({
    IM_WECHAT_APP_ID: appId,
    IM_WECHAT_APP_SECRET: appSecret,
    IM_WECHAT_TEMPLATE_ID: templateId,
  }).find(([, value]) => value === undefined)?.[0];
  throw new ConfigError(
    `${missing} is required: IM_WECHAT_APP_ID, IM_WECHAT_APP_SECRET and IM_WECHAT_TEMPLATE_ID are set all three or none`,
  );
}

function refuseDevelopmentConstants(config: Config): void {
  if (config.appKeys.includes(dev.IM_APP_KEY)) {
    throw new ConfigError("IM_APP_KEY accepts keys of your own in prod, not the dev profile's");
  }
  if (config.tokenSecret === dev.IM_TOKEN_SECRET) {
    throw new ConfigError("IM_TOKEN_SECRET accepts a secret of your own in prod, not the dev profile's");
  }
}

/** The settings of this process: its environment over the `.env` file of the working directory. */
export function readConfig(): Config {
  const file: Record<string, string> = {};
  dotenv.config({ quiet: true, processEnv: file });
  return configFrom({ ...file, ...process.env });
}
