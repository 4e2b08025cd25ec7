/** ER_LOCK_WAIT_TIMEOUT */
const LOCK_TIMEOUT = 1205;
/** ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME */
const DUPLICATE = new Set([1062, 1586]);
/**
 * ER_LOCK_DEADLOCK, which Galera gives to who lost against another node; ER_CHECKREAD; ER_TRANSACTION_ROLLBACK_DURING_COMMIT, the
 * same of group replication;
 * ER_CLIENT_INTERACTION_TIMEOUT: the server had ended the connection, which nobody used, before it saw the statement.
 */
const RETRYABLE = new Set([1213, 1020, 3101, 4031]);

/**
 * The server takes no writes: ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION and ER_READ_ONLY_MODE, such as an
 * old primary after a failover; a node that is not in its cluster (1047 of Galera, and
 * ER_ERROR_DURING_COMMIT where that shows at the commit; 3100 of group replication). Another
 * connection may find one that does.
 */
const NO_WRITES = new Set([1290, 1792, 1836, 1047, 1180, 3100]);

/**
 * Too many connections (of all, of an account), shutting down, killed: the database is there
 * but can't serve now. What lost against others for too long is of this kind, too.
 */
const UNAVAILABLE = new Set([
  LOCK_TIMEOUT,
  ...NO_WRITES,
  ...RETRYABLE,
  1040,
  1053,
  1077,
  1079,
  1152,
  1158,
  1159,
  1160,
  1161,
  1203,
  1226,
  1317,
  1927,
]);

/** The driver's code of whatever fails in TLS's handshake: the certificate, or the network. */
const TLS_FAILED = 'HANDSHAKE_SSL_ERROR';

/** Node's and the driver's codes of a connection that could not be made, or was lost. */
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  TLS_FAILED,
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_ENQUEUE_AFTER_QUIT',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_PACKETS_OUT_OF_ORDER',
  'POOL_CLOSED',
]);

interface DriverError {
  code?: string;
  errno?: number;
  fatal?: boolean;
}

function read(error: unknown): DriverError {
  return typeof error === 'object' && error !== null ? error : {};
}

function hasNumber(numbers: ReadonlySet<number>): (error: unknown) => boolean {
  return (error) => numbers.has(read(error).errno ?? 0);
}

export const isUniqueViolation = hasNumber(DUPLICATE);
export const isRetryable = hasNumber(RETRYABLE);
export const isLockTimeout = hasNumber(new Set([LOCK_TIMEOUT]));
/** The connection is of no use any more, but its server answers. */
export const isOfNoUse = hasNumber(NO_WRITES);

/** The server offers no TLS, which was asked for. */
export function isWithoutTls(error: unknown): boolean {
  return read(error).code === 'HANDSHAKE_NO_SSL_SUPPORT';
}

/** The driver gives no code where the connection was lost before this query ("Can't add new command …"): it gets the usual one. */
export function withCode<T>(error: T): T {
  const { code, errno, fatal } = read(error);
  const isLostBefore = fatal === true && code === undefined && errno === undefined;
  return isLostBefore ? (Object.assign(error as object, { code: 'PROTOCOL_CONNECTION_LOST' }) as T) : error;
}

/** @param error with a code, see `withCode` */
export function isUnavailable(error: unknown): boolean {
  const { code, errno } = read(error);
  return UNAVAILABLE_CODES.has(code ?? '') || UNAVAILABLE.has(errno ?? 0);
}

/** How the database or the account is set up, by the error that shows it. */
const ADVICE: ReadonlyMap<number, string> = new Map([
  [1044, 'the account has no rights in that schema: grant it all on the schema'],
  [1045, 'the database refuses user and password'],
  [1049, 'there is no such schema: create it, with character set utf8mb4'],
  [1142, 'the account lacks a right: grant it all on the schema'],
  [
    1665,
    'binlog_format=STATEMENT can not log what the server writes: set binlog_format=ROW, or MIXED, on the database',
  ],
  [1698, 'the database refuses user and password'],
  [
    3159,
    'the database takes encrypted connections alone: set ssl-mode=REQUIRED, or VERIFY_CA with an ssl-ca',
  ],
]);

/** What an operator has to change, where the error shows it. */
export function adviceOn(error: unknown): string | undefined {
  const { code, errno } = read(error);
  if (isWithoutTls(error)) return 'the database knows no TLS, which ssl-mode asks for';
  // With a number it is the system's: the connection broke off meanwhile.
  if (code === TLS_FAILED && errno === undefined)
    return 'the certificate of the database is not accepted: ssl-ca did not sign it, it names another host, or it has expired';
  return ADVICE.get(errno ?? 0);
}
