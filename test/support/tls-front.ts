import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import net from 'node:net';
import tls from 'node:tls';
import { type AddressInfo } from 'node:net';

export interface Certificate {
  /** PEM files. */
  certFile: string;
  keyFile: string;
}

/** A certificate for these host names that signs itself, in `folder`; openssl makes it. */
export function makeCertificate(folder: string, ...hosts: string[]): Certificate {
  const certFile = path.join(folder, 'cert.pem');
  const keyFile = path.join(folder, 'key.pem');
  const names = hosts.map((host) => `DNS:${host}`).join(',');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-days', '2', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-subj', '/CN=test', '-addext', `subjectAltName=${names}`, '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  );
  return { certFile, keyFile };
}

/** A port of 127.0.0.1 that speaks TLS and passes what it gets on to another port of 127.0.0.1. */
export async function tlsBefore(
  port: number,
  { certFile, keyFile }: Certificate,
): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (socket) => {
    const there = net.connect(port, '127.0.0.1');
    for (const [each, other] of [
      [socket, there],
      [there, socket],
    ] as const) {
      sockets.add(each);
      each.on('error', () => each.destroy());
      each.once('close', () => {
        sockets.delete(each);
        other.destroy();
      });
      each.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const each of sockets) each.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
