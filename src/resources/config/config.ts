import { ConfigError } from './config-error';
import { dev } from './dev';
import { readEnvFile } from './env-file';
import { checkCertificate } from './named-files';
import { isPlainByDefault } from './mysql-url';
import { type FilesConfig, type FilesSetting, type S3Config } from './files-url';
import { prod } from './prod';
import { type GetuiConfig, getuiFrom, type TemplateKind } from './push-settings';
import { SETTINGS, type SettingName } from './settings';
import { test } from './test';
import { unknownSettings } from './unknown-settings';
import { type WebhookConfig, webhookFrom } from './webhook';

export { ConfigError, type FilesConfig, type S3Config };

/** Three years: how long the texts, pictures and voices of internet diagnosis (互联网诊疗) are kept at least. */
const RECORDS_KEPT_DAYS = 1_095;

const PROFILES = { prod, test, dev } as const;
export type Profile = keyof typeof PROFILES;
type Environment = Readonly<Record<string, string | undefined>>;

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
  /** Templates for kinds of messages, instead of the one above. */
  templates: Partial<
    Record<TemplateKind, { template_id: string; data?: Record<string, string> | undefined }>
  >;
  apiBase: string;
}

/** As `HTTPS_PROXY` and `NO_PROXY` have it. */
export interface ProxyConfig {
  url: string;
  /** Hosts that are called straight, separated by commas. */
  except: string;
}

export interface Config {
  profile: Profile;
  port: number;
  host: string;
  databaseUrl: string;
  /** That one process opens at most. */
  databaseConnections: number;
  /** undefined: one process. */
  redisUrl: string | undefined;
  appKeys: string[];
  tokenSecret: string;
  /** undefined: WeChat is off. */
  wechat: WechatConfig | undefined;
  /** undefined: no pushes to apps. */
  getui: GetuiConfig | undefined;
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
  /** Where files are kept; undefined: none can be uploaded. */
  files: FilesConfig | undefined;
  fileMaxBytes: number;
  /** What the addresses of files begin with, without a slash at its end; undefined: nothing, they are relative. */
  filesBaseUrl: string | undefined;
  /** How long a sender may take a message back, ms; 0: never. */
  recallMs: number;
  /** How long an open topic may wait for its first reply; undefined: nobody is told. */
  replyRemindMs: number | undefined;
  /** undefined: webhooks are off. */
  webhook: WebhookConfig | undefined;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  logDirectory: string | undefined;
  /** `dev` alone: login without the app key makes the demo work. */
  openLogin: boolean;
  /** `dev` alone: demo pages and demo data. */
  demo: boolean;
  /** Through which calls to other hosts go; undefined: they go straight. */
  proxy: ProxyConfig | undefined;
  /** What the operator should look at, a sentence each. */
  warnings: string[];
}

type Setting = <Name extends SettingName>(name: Name) => ReturnType<(typeof SETTINGS)[Name]['parse']>;

/** The profile that `environment` names, and what reads a setting of it. An empty variable counts as unset. */
function settingsFrom(environment: Environment): { chosen: Profile; setting: Setting } {
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

  return { chosen, setting };
}

/**
 * The settings of a profile, out of `environment`.
 * @throws ConfigError that names the first setting at fault and what it accepts
 */
export function configFrom(environment: Environment): Config {
  const { chosen, setting } = settingsFrom(environment);
  const config: Config = {
    profile: chosen,
    port: setting('IM_PORT'),
    host: setting('IM_HOST'),
    databaseUrl: setting('IM_DATABASE_URL'),
    databaseConnections: setting('IM_DATABASE_CONNECTIONS'),
    redisUrl: setting('IM_REDIS_URL'),
    appKeys: setting('IM_APP_KEY'),
    tokenSecret: setting('IM_TOKEN_SECRET'),
    wechat: undefined,
    getui: undefined,
    ackTimeoutMs: setting('IM_ACK_TIMEOUT_MS'),
    sendRate: setting('IM_SEND_RATE'),
    corsOrigins: setting('IM_CORS_ORIGINS'),
    callTimeoutMs: setting('IM_CALL_TIMEOUT_MS'),
    callReconnectMs: setting('IM_CALL_RECONNECT_MS'),
    heartbeatMs: setting('IM_HEARTBEAT_MS'),
    iceServers: setting('IM_ICE_SERVERS'),
    retentionDays: setting('IM_RETENTION_DAYS'),
    files: filesFrom(setting('IM_FILES'), environment),
    fileMaxBytes: setting('IM_FILE_MAX_BYTES'),
    filesBaseUrl: setting('IM_FILES_BASE_URL'),
    recallMs: setting('IM_RECALL_MS'),
    replyRemindMs: setting('IM_REPLY_REMIND_MS'),
    webhook: webhookFrom(
      setting('IM_WEBHOOK_URL'),
      setting('IM_WEBHOOK_SECRET'),
      setting('IM_WEBHOOK_EVENTS'),
      setting('IM_WEBHOOK_CONTENT'),
      setting('IM_WEBHOOK_RETRY_MS'),
    ),
    logLevel: setting('IM_LOG_LEVEL'),
    logDirectory: setting('IM_LOG_DIR'),
    openLogin: chosen === 'dev',
    demo: chosen === 'dev',
    proxy: proxyFrom(environment),
    warnings: unknownSettings(environment),
  };
  config.wechat = wechatFrom(
    setting('IM_WECHAT_APP_ID'),
    setting('IM_WECHAT_APP_SECRET'),
    setting('IM_WECHAT_TEMPLATE_ID'),
    {
      url: setting('IM_WECHAT_URL'),
      templateData: setting('IM_WECHAT_TEMPLATE_DATA'),
      templates: setting('IM_WECHAT_TEMPLATES'),
      apiBase: setting('IM_WECHAT_API_BASE'),
    },
  );
  config.getui = getuiFrom(
    {
      IM_GETUI_APP_ID: setting('IM_GETUI_APP_ID'),
      IM_GETUI_APP_KEY: setting('IM_GETUI_APP_KEY'),
      IM_GETUI_MASTER_SECRET: setting('IM_GETUI_MASTER_SECRET'),
    },
    {
      apiBase: setting('IM_GETUI_API_BASE'),
      pushOptions: setting('IM_GETUI_OPTIONS'),
      text: setting('IM_PUSH_TEXT'),
    },
  );
  if (isPlainByDefault(config.databaseUrl))
    config.warnings.push('IM_DATABASE_URL chooses no ssl-mode: what goes to the database is not encrypted');
  if (config.retentionDays !== undefined && config.retentionDays < RECORDS_KEPT_DAYS)
    config.warnings.push(
      `IM_RETENTION_DAYS is ${config.retentionDays}, but records of internet diagnosis are kept for three years at least`,
    );
  if (chosen === 'prod') checkProduction(config);
  return config;
}

function wechatFrom(
  appId: string | undefined,
  appSecret: string | undefined,
  templateId: string | undefined,
  rest: Pick<WechatConfig, 'url' | 'templateData' | 'templates' | 'apiBase'>,
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

/** A bucket's keys have the names that all of AWS's tools know. */
function filesFrom(place: FilesSetting, environment: Environment): FilesConfig | undefined {
  if (place === 'off') return undefined;
  if (place.kind === 'folder') return place;
  const {
    AWS_ACCESS_KEY_ID: id = '',
    AWS_SECRET_ACCESS_KEY: secret = '',
    AWS_SESSION_TOKEN: token = '',
  } = environment;
  if (id === '' || secret === '') {
    const missing = id === '' ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY';
    throw new ConfigError(`${missing} is required with IM_FILES=s3://… and accepts the key of the bucket`);
  }
  return {
    ...place,
    credentials: {
      accessKeyId: id,
      secretAccessKey: secret,
      ...(token === '' ? {} : { sessionToken: token }),
    },
  };
}

/** Either spelling of the names is used; the lower one wins, as with curl. */
function proxyFrom(environment: Environment): ProxyConfig | undefined {
  const url = environment.https_proxy ?? environment.HTTPS_PROXY ?? '';
  if (url === '') return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new ConfigError('HTTPS_PROXY accepts http://host:port');
  return { url, except: environment.no_proxy ?? environment.NO_PROXY ?? '' };
}

const SHORTEST_KEY = 16;

function checkProduction({ appKeys, tokenSecret }: Config): void {
  if (appKeys.includes(dev.IM_APP_KEY))
    throw new ConfigError("IM_APP_KEY accepts keys of your own in prod, not the dev profile's");
  if (appKeys.some((key) => key.length < SHORTEST_KEY))
    throw new ConfigError(`IM_APP_KEY accepts keys of ${SHORTEST_KEY} characters or more in prod`);
  if (tokenSecret === dev.IM_TOKEN_SECRET)
    throw new ConfigError("IM_TOKEN_SECRET accepts a secret of your own in prod, not the dev profile's");
}

/** What commands need that work on the database alone: no other setting has to be there. @throws ConfigError */
export function readDatabaseConfig(): Pick<Config, 'databaseUrl'> {
  const { setting } = settingsFrom({ ...readEnvFile('.env'), ...process.env });
  const config = { databaseUrl: setting('IM_DATABASE_URL') };
  checkCertificate(config.databaseUrl);
  return config;
}

/** The settings of this process: its environment over the `.env` file of the working directory. @throws ConfigError */
export function readConfig(): Config {
  let environment: Environment = process.env;
  try {
    environment = { ...readEnvFile('.env'), ...process.env };
    const config = configFrom(environment);
    checkCertificate(config.databaseUrl);
    return config;
  } catch (error) {
    const { IM_LOG_DIR: directory = '' } = environment;
    if (error instanceof ConfigError && directory !== '') error.logDirectory = directory;
    throw error;
  }
}
