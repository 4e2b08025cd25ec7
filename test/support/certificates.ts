import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findProgram } from './processes';

export function hasOpenssl(): boolean {
  return findProgram('openssl') !== undefined;
}

/** Who signs certificates, and files of PEM text. */
export interface Authority {
  /** Its own certificate. */
  readonly ca: string;
  /** Signs a certificate for a host. */
  sign(host: string): { cert: string; key: string };
}

/** Makes a certificate authority in `folder`. */
export function makeAuthority(folder: string, name: string): Authority {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
  );
  let signed = 0;
  return {
    ca: path.join(folder, `${name}.pem`),
    sign: (host) => {
      const own = `${name}-${++signed}`;
      writeFileSync(path.join(folder, `${own}.ext`), `subjectAltName=DNS:${host}\n`);
      openssl('req', ...newKey, '-keyout', `${own}.key`, '-out', `${own}.csr`, '-subj', `/CN=${host}`);
      openssl(
        'x509',
        '-req',
        '-in',
        `${own}.csr`,
        '-CA',
        `${name}.pem`,
        '-CAkey',
        `${name}.key`,
        '-CAcreateserial',
        '-out',
        `${own}.pem`,
        '-days',
        '2',
        '-extfile',
        `${own}.ext`,
      );
      const [cert, key] = ['pem', 'key'].map((end) => path.join(folder, `${own}.${end}`)) as [string, string];
      chmodSync(key, 0o644);
      return { cert, key };
    },
  };
}
