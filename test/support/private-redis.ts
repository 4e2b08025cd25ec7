import net from 'node:net';
import path from 'node:path';
import { freePort } from './free-port';
import { findProgram, removeFolder, ServerProcess, temporaryFolder } from './processes';

const PASSWORD = 'test';

/** A Redis of our own on 127.0.0.1, without persistence; `start` after `stop` gives an empty one on the same port. */
export interface PrivateRedis {
  readonly port: number;
  /** `redis://:test@127.0.0.1:port` */
  readonly url: string;
  /** Undefined while it is stopped. */
  readonly pid: number | undefined;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  /** Freezes it: connections are taken, and nothing answers until `resume`. */
  pause(): void;
  resume(): void;
  /** Makes it a replica of another one, or a primary again. */
  replicaOf(primary: PrivateRedis | undefined): Promise<void>;
  /** Deletes every key. */
  flush(): Promise<void>;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

export function hasRedis(): boolean {
  return findProgram('redis-server') !== undefined;
}

/** Sends inline commands over a connection of their own. @throws when one is answered with an error, or not within 5 s. */
async function command(port: number, ...lines: string[]): Promise<void> {
  const all = [`AUTH ${PASSWORD}`, ...lines];
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(5000, () => socket.destroy(new Error('Redis does not answer')));
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('Redis closed the connection'));
    });
    socket.on('data', (text: string) => {
      answer += text;
      const replies = answer.split('\r\n').slice(0, -1);
      const refusal = replies.find((reply) => reply.startsWith('-'));
      if (refusal !== undefined) socket.destroy(new Error(refusal));
      if (replies.length < all.length) return;
      resolve();
      socket.destroy();
    });
    socket.write(all.map((line) => `${line}\r\n`).join(''));
  });
}

/** Starts an instance of its own. @throws where Redis is not installed or does not come up. */
export async function startRedis(): Promise<PrivateRedis> {
  const program = findProgram('redis-server');
  if (program === undefined) throw new Error('Redis is not installed');
  const folder = temporaryFolder('im-redis-');
  const port = await freePort();
  const server = new ServerProcess({
    program,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
      ...['--save', '', '--appendonly', 'no', '--requirepass', PASSWORD],
    ],
    logFile: path.join(folder, 'log'),
    probe: () => command(port, 'PING'),
  });
  await server.start();
  return {
    port,
    url: `redis://:${PASSWORD}@127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
    stop: (signal) => server.stop(signal),
    start: () => server.start(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    replicaOf: (primary) =>
      primary === undefined
        ? command(port, 'REPLICAOF NO ONE')
        : command(port, `CONFIG SET masterauth ${PASSWORD}`, `REPLICAOF 127.0.0.1 ${primary.port}`),
    flush: () => command(port, 'FLUSHALL'),
    remove: async () => {
      await server.stop();
      removeFolder(folder);
    },
  };
}
