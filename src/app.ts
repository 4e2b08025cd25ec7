import { claimDatabase } from './db/database';
import {
  configureLogger,
  describeError,
  flushLog,
  holdLog,
  log,
  logLastWords,
  releaseLog,
  takeOverConsole,
} from './logger';
import { type Config, ConfigError, readConfig } from './resources/config/config';
import { makeFolders } from './resources/config/named-files';
import { ImServer } from './server';
import { startFault } from './start-fault';
import { VERSION } from './version';

/** Exit statuses that the supervisor tells apart: a restart can't help a bad setting (EX_CONFIG in sysexits.h). */
const EXIT = { failure: 1, badConfiguration: 78 } as const;
/** A stop that takes longer is cut off. */
const STOP_LIMIT_MS = 9_000;

function localTime(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${date} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':')}`;
}

function configuration() {
  let config: Config | undefined;
  try {
    config = readConfig();
    makeFolders(config);
    logAsConfigured(config);
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    const directory = error.logDirectory ?? config?.logDirectory;
    if (directory !== undefined) logLastWords(directory, error.message);
    process.exit(EXIT.badConfiguration);
  }
}

function logAsConfigured({ logDirectory: directory, logLevel: level }: Config): void {
  try {
    configureLogger({ level, directory });
  } catch {
    throw new ConfigError('IM_LOG_DIR accepts a folder that the server can make or write into');
  }
}

async function main(): Promise<void> {
  takeOverConsole();
  outliveLogReaders();
  const config = configuration();
  holdLog();
  let announced = false;
  const announce = (port: number) => {
    if (announced) return;
    announced = true;
    log.banner(`Starting IM server, version ${VERSION}, running on port ${port}, ${localTime(new Date())}`);
    log.banner(`Configuration profile: ${config.profile}`);
    releaseLog();
  };

  let server: ImServer;
  try {
    // The listener keeps the lock's handle from the garbage collector, too.
    process.once('exit', claimDatabase(config.databaseUrl));
    server = ImServer.create(config);
  } catch (error) {
    announce(config.port);
    log.error(`the server can't start: ${createFault(error, config)}`);
    return exit(EXIT.failure);
  }
  stopOnRequest(server);
  try {
    announce(await server.start(() => announce(config.port)));
    server.context.metrics.collectProcess();
  } catch (error) {
    announce(config.port);
    const advice = server.context.database.dialect.adviceOn(error);
    log.error(`the server can't start: ${advice ?? startFault(error, config)}`);
    await server.stop();
    return exit(EXIT.failure);
  }
  const { bus, database } = server.context;
  log.info(`Database: ${database.description}, bus: ${bus.description}`);
  if (config.retentionDays !== undefined)
    log.info(`Retention: messages older than ${config.retentionDays} days are deleted`);
  if (!bus.healthy)
    log.warn(`The bus (${bus.description}) is away: this process hears of no other until it is back`);
  for (const warning of config.warnings) log.warn(warning);
  if (config.openLogin) log.warn('Profile dev: anybody can log in as anybody, without the app key');
}

/** Errors of our own making are sentences already. */
function createFault(error: unknown, config: Config): string {
  const isOurs = error instanceof Error && (error as { code?: unknown }).code === undefined;
  return isOurs ? error.message : startFault(error, config);
}

/** Ends the process, once its log file has why. */
async function exit(status: number): Promise<never> {
  await flushLog();
  process.exit(status);
}

/** Whoever read the log may go away (`| head`): that is no reason to end. */
function outliveLogReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function stopOnRequest(server: ImServer): void {
  let stopping = false;
  const stop = (why: string) => {
    if (stopping) return;
    stopping = true;
    releaseLog();
    log.info(`Stopping: ${why}`);
    setTimeout(() => {
      // The database or Redis is away. What was answered is stored; to wait for more would help nobody.
      log.warn('Something was still under way when the time for stopping was over');
      void exit(0);
    }, STOP_LIMIT_MS).unref();
    server.stop().then(
      () => exit(0),
      (error: unknown) => {
        log.error(`stopping failed: ${describeError(error)}`);
        return exit(EXIT.failure);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // The supervisor's way where there are no signals, and its death.
  process.on('message', (message) => {
    if (message === 'shutdown') stop('the supervisor asks for it');
  });
  process.on('disconnect', () => stop('the supervisor has gone'));
  // A fault of ours: what follows can't be trusted. What was answered is safe; the supervisor starts anew.
  const crash = (error: unknown) => {
    releaseLog();
    log.error(`crashed: ${describeError(error)}`);
    void exit(EXIT.failure);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

void main();
