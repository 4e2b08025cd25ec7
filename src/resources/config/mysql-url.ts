import { isIP } from 'node:net';

/** MySQL's own meanings (https://dev.mysql.com/doc/refman/en/connection-options.html#option_general_ssl-mode). */
export const SSL_MODES = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export interface MysqlUrl {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  sslMode: SslMode;
  /** A file with the certificates of those who may sign the server's. */
  sslCa: string | undefined;
}

const PARAMETERS = ['ssl-mode', 'ssl-ca'];
const VERIFYING: readonly string[] = ['VERIFY_CA', 'VERIFY_IDENTITY'];
/** The driver checks the certificate of a host without a name for this one. */
const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

/**
 * Takes `mysql://user:password@host:port/database?ssl-mode=…&ssl-ca=…` apart; the parts are percent-decoded.
 * Without `ssl-mode`: `VERIFY_CA` where there is an `ssl-ca`, else `DISABLED`.
 * @returns undefined where the text is no such URL
 */
export function parseMysqlUrl(text: string): MysqlUrl | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const parameters = [...url.searchParams.keys()];
  if (url.protocol !== 'mysql:' || url.hostname === '' || url.hash !== '') return undefined;
  if (!parameters.every((name, index) => PARAMETERS.includes(name) && parameters.indexOf(name) === index))
    return undefined;
  const sslCa = url.searchParams.get('ssl-ca') ?? undefined;
  const sslMode =
    url.searchParams.get('ssl-mode')?.toUpperCase() ?? (sslCa === undefined ? 'DISABLED' : 'VERIFY_CA');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!isSslMode(sslMode) || sslCa === '') return undefined;
  // As MySQL's own clients, which have no certificates that they trust by themselves.
  if (VERIFYING.includes(sslMode) && sslCa === undefined) return undefined;
  if (sslMode === 'VERIFY_IDENTITY' && isIP(host) !== 0 && !LOCAL.test(host)) return undefined;
  try {
    const database = decodeURIComponent(url.pathname.slice(1));
    if (database === '') return undefined;
    return {
      host,
      port: url.port === '' ? 3306 : Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database,
      sslMode,
      sslCa,
    };
  } catch {
    // Not percent-encoded as a URL has to be.
    return undefined;
  }
}

/** Whether nobody has chosen that the way to another host is not encrypted. */
export function isPlainByDefault(text: string): boolean {
  const parts = parseMysqlUrl(text);
  if (parts === undefined || LOCAL.test(parts.host)) return false;
  return parts.sslMode === 'DISABLED' && !new URL(text).searchParams.has('ssl-mode');
}

function isSslMode(text: string): text is SslMode {
  return (SSL_MODES as readonly string[]).includes(text);
}
