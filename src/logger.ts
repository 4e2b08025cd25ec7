import { accessSync, appendFileSync, constants } from 'node:fs';
import path from 'node:path';
import { findSourceMap } from 'node:module';
import { format as formatText } from 'node:util';
import { createLogger, format, transports } from 'winston';
import { makeFolder } from './folders';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Site {
  file: string;
  line: number;
  column: number;
}

/** Where `below` was called from: one structured frame, since building a stack's text costs ten times as much. */
function callSite(below: (...args: never[]) => unknown): Site | undefined {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back untouched
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(holder, below);
    const site = holder.stack?.[0];
    if (site === undefined) return undefined;
    return {
      file: site.getFileName() ?? '',
      line: site.getLineNumber() ?? 0,
      column: site.getColumnNumber() ?? 0,
    };
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Under `node --enable-source-maps` the TypeScript position, else the position in the running file. */
function original(site: Site): Site {
  const entry = findSourceMap(site.file)?.findEntry(site.line - 1, site.column - 1);
  if (entry === undefined || !('originalLine' in entry)) return site;
  return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

function foldLines(text: string): string {
  if (!text.includes('\n') && !text.includes('\r')) return text;
  return text
    .split(/[\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' | ');
}

/** The contract's line: `[INFO] file(line,column): text`. Line breaks are folded, so that no text can forge a line. */
const line = format.printf((info) => {
  const site = info.site as Site | undefined;
  const at = site === undefined ? '-' : `${path.basename(site.file)}(${site.line},${site.column})`;
  const level = info.level === 'banner' ? 'INFO' : info.level.toUpperCase();
  const text = foldLines(String(info.message));
  return `[${level}] ${at}: ${text}`;
});

// `banner` passes at every level: the start-up lines are printed whatever IM_LOG_LEVEL is.
/** How long a process that ends waits for its log file. */
const FLUSH_LIMIT_MS = 1_000;

const LEVELS: Readonly<Record<string, number>> = { banner: 0, error: 1, warn: 2, info: 3, debug: 4 };

const ownConsole = new transports.Console({ format: line });

const winston = createLogger({ levels: { ...LEVELS }, level: 'info', transports: [ownConsole] });

// A disk that is full, say: the console's log goes on.
winston.on('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(`the log file can't be written: ${error.code ?? error.name}\n`);
});

/** From now on lines go to stderr: for a command, whose stdout is its result. */
export function logToStandardError(): void {
  winston.remove(ownConsole);
  winston.add(new transports.Console({ format: line, stderrLevels: Object.keys(LEVELS) }));
}

const FILE_NAME = 'im.log';
let file: InstanceType<typeof transports.File> | undefined;

/** A file's lines begin with their time, ISO 8601; who reads the console adds it. */
const lineOfFile = format.combine(
  line,
  format((info) => {
    const text = Symbol.for('message');
    info[text] = `${new Date().toISOString()} ${String(info[text])}`;
    return info;
  })(),
);

/**
 * Sets the level and, with `directory`, writes to files there too (20 MB each, the last ten kept).
 * @throws the system's error when `directory` can't be made or written into
 */
export function configureLogger(settings: { level: LogLevel; directory?: string | undefined }): void {
  winston.level = settings.level;
  if (settings.directory === undefined) return;
  makeFolder(settings.directory);
  accessSync(settings.directory, constants.W_OK | constants.X_OK);
  file = new transports.File({
    dirname: settings.directory,
    filename: FILE_NAME,
    maxsize: 20 * 1024 * 1024,
    maxFiles: 10,
    tailable: true,
    format: lineOfFile,
  });
  winston.add(file);
}

/** Waits until the file has what was logged, a second at most: for a process that is about to end. */
export async function flushLog(): Promise<void> {
  const written = file;
  if (written === undefined) return;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, FLUSH_LIMIT_MS).unref();
    written.once('finish', resolve);
    winston.end();
  });
}

/** Writes a last line into the file of `directory`, if it can: for a process that ends before its logger was configured. */
export function logLastWords(directory: string, text: string): void {
  try {
    makeFolder(directory);
    const folded = foldLines(text);
    appendFileSync(path.join(directory, FILE_NAME), `${new Date().toISOString()} [ERROR] app: ${folded}\n`);
  } catch {
    // The console has it.
  }
}

/** What libraries write to the console, and Node's warnings, become lines of the log. */
export function takeOverConsole(): void {
  for (const name of ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const)
    console[name] = (...parts: unknown[]) => log.warn(`a library says: ${formatText(...parts)}`);
  process.removeAllListeners('warning');
  process.on('warning', ({ message, name }) => {
    // Node's own SQLite is used where it is all that there is.
    if (name === 'ExperimentalWarning') log.debug(`${name}: ${message}`);
    else log.warn(`${name}: ${message}`);
  });
}

/** Lines that wait; undefined: none has to. */
let held: (() => void)[] | undefined;

/** From now on all lines but a banner's wait for `releaseLog`: the start-up's own come first. */
export function holdLog(): void {
  held ??= [];
}

export function releaseLog(): void {
  const lines = held ?? [];
  held = undefined;
  for (const print of lines) print();
}

/** A log line; with the id of the request that it belongs to, at its end. */
type Write = (message: string, requestId?: string) => void;

/** All transports have the logger's own level; winston would ask each of them. */
function isEnabled(level: LogLevel | 'banner'): boolean {
  return (LEVELS[level] ?? 0) <= (LEVELS[winston.level] ?? 0);
}

function method(level: LogLevel | 'banner'): Write {
  const write: Write = (message, requestId) => {
    if (!isEnabled(level)) return;
    const site = callSite(write);
    const text = requestId === undefined ? message : `${message} request_id=${requestId}`;
    const print = () => winston.log(level, text, { site: site && original(site) });
    if (held === undefined || level === 'banner') print();
    else held.push(print);
  };
  return write;
}

export const log = {
  banner: method('banner'),
  error: method('error'),
  warn: method('warn'),
  info: method('info'),
  debug: method('debug'),
};

/** What a log line may say of an error: its name, code and place, never a message that could hold what a client sent. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return 'a value that is no error was thrown';
  const { code, errno } = error as NodeJS.ErrnoException;
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((text) => /^\s+at /.test(text))
    .slice(0, 6)
    .map((text) => text.trim())
    .join(' ');
  const facts = [error.name, code, errno === undefined ? undefined : `errno ${errno}`].filter(Boolean);
  return `${facts.join(' ')} ${frames}`;
}
