/** ER_LOCK_WAIT_TIMEOUT */
const LOCK_TIMEOUT = 1205;
/** ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME */
const DUPLICATE = new Set([1062, 1586]);
/**
 * ER_LOCK_DEADLOCK, which Galera gives to who lost against another node; ER_CHECKREAD; ER_TRANSACTION_ROLLBACK_DURING_COMMIT, the
 * same of group replication; ER_SP_DOES_NOT_EXIST, of a savepoint that went with its transaction.
 */
const RETRYABLE = new Set([1213, 1020, 3101, 1305]);

/** The server takes no writes any more, such as an old primary after a failover: another connection may find the new one. */
const READ_ONLY = new Set([1290, 1792, 1836]);

/** The server ends a connection that nobody used for long: ER_CLIENT_INTERACTION_TIMEOUT. */
const CLOSED_FOR_IDLENESS = 4031;

/**
 * Too many connections (of all, of an account), shutting down, killed, a node that is not in its cluster: the database is there
 * but can't serve now. What lost against others for too long is of this kind, too.
 */
const UNAVAILABLE = new Set([
  LOCK_TIMEOUT,
  CLOSED_FOR_IDLENESS,
  ...READ_ONLY,
  ...RETRYABLE,
  1040,
  1047,
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
  3100,
]);

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
export const isReadOnly = hasNumber(READ_ONLY);

/** The server offers no TLS, which was asked for. */
export function isWithoutTls(error: unknown): boolean {
  return read(error).code === 'HANDSHAKE_NO_SSL_SUPPORT';
}

export function isUnavailable(error: unknown): boolean {
  const { code, errno, fatal } = read(error);
  // What the driver says of a connection that was lost before this query has neither: "Can't add new command …".
  const lostBefore = fatal === true && code === undefined && errno === undefined;
  return lostBefore || UNAVAILABLE_CODES.has(code ?? '') || UNAVAILABLE.has(errno ?? 0);
}
