import 'should';
import { type WebSocket } from 'ws';
import { Redis } from 'ioredis';
import { SharedPresence } from '../../src/push/presence';
import { RedisBus } from '../../src/push/bus/redis-bus';
import { Connection } from '../../src/push/sockets/connection';
import { Sockets } from '../../src/push/sockets/sockets';
import { requireOrSkip } from '../support/databases';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { waitUntil } from '../support/wait-until';

// A busy machine must not take three of them to pass one on.
const BEAT_MS = 100;

/** What a process has of presence; its sockets never send. */
class Process {
  readonly bus: RedisBus;
  readonly sockets: Sockets;
  readonly presence: SharedPresence;

  constructor(url: string) {
    this.bus = new RedisBus({ url, beatMs: BEAT_MS, startLimitMs: 8_000 });
    this.sockets = new Sockets({
      user: (userId, online) => this.presence.userChanged(userId, online),
      bound: (sessionId, userId, bound) => this.presence.boundChanged(sessionId, userId, bound),
      asleep: (sessionId, userId, asleep) => this.presence.asleepChanged(sessionId, userId, asleep),
    });
    this.presence = new SharedPresence(this.bus, this.sockets, 500);
  }

  async start(): Promise<void> {
    await this.bus.start();
    await this.presence.start();
  }

  async close(): Promise<void> {
    this.presence.close();
    await this.bus.close();
  }

  connect(id: string, sessionId: string | null): Connection {
    const user = { id, type: 'patient', tokenId: '', tokenGeneration: 0, tokenExpiresAt: 0 } as const;
    const connection = new Connection({} as WebSocket, user, sessionId);
    this.sockets.add(connection);
    return connection;
  }

  /** Those of the users who are online, and of the pairs that are bound. */
  sees(users: string[], pairs: [string, string][] = []): string {
    return [
      ...users.filter((id) => this.presence.isOnline(id)),
      ...pairs
        .filter(([session, user]) => this.presence.isBound(session, user))
        .map((pair) => pair.join('/')),
    ].join(' ');
  }
}

describe('Presence over Redis', () => {
  if (!requireOrSkip('redis')) return;
  let redis: PrivateRedis;
  const processes: Process[] = [];

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.remove());
  afterEach(async () => {
    redis.resume();
    await Promise.all(processes.splice(0).map((each) => each.close()));
    await redis.start();
  });

  async function start(count: number): Promise<Process[]> {
    const made = Array.from({ length: count }, () => new Process(redis.url));
    processes.push(...made);
    await Promise.all(made.map((each) => each.start()));
    return made;
  }

  const users = ['P1', 'P2', 'D1'];
  const pairs: [string, string][] = [
    ['s1', 'P1'],
    ['s2', 'P1'],
    ['s1', 'P2'],
  ];
  const sees = (process: Process, wanted: string, ms = 8_000) =>
    waitUntil(
      () => process.sees(users, pairs) === wanted,
      ms,
      () => `it sees "${process.sees(users, pairs)}", not "${wanted}"`,
    );

  it('follows every first and last socket, in all processes', async () => {
    const [a, b, c] = (await start(3)) as [Process, Process, Process];
    const first = a.connect('P1', 's1');
    const second = a.connect('P1', 's1');
    const other = a.connect('P1', 's2');
    const elsewhere = b.connect('P1', 's1');
    b.connect('D1', null);
    for (const each of [a, b, c]) await sees(each, 'P1 D1 s1/P1 s2/P1');
    a.sockets.remove(first);
    a.sockets.remove(other);
    for (const each of [a, b, c]) await sees(each, 'P1 D1 s1/P1');
    a.sockets.remove(second);
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const each of [a, b, c]) await sees(each, 'P1 D1 s1/P1');
    b.sockets.remove(elsewhere);
    for (const each of [a, b, c]) await sees(each, 'D1');
  });

  it('is known to a new process when its start is over', async () => {
    const [a, b] = (await start(2)) as [Process, Process];
    for (let n = 0; n < 1_234; n += 1) a.connect(`U${n}`, `S${n}`);
    const gone = a.connect('P2', 's1');
    a.sockets.remove(gone);
    b.connect('P1', 's1');
    const [c] = (await start(1)) as [Process];
    c.sees(users, pairs).should.equal('P1 s1/P1');
    for (const n of [0, 499, 500, 999, 1_000, 1_233])
      c.sees([`U${n}`], [[`S${n}`, `U${n}`]]).should.equal(`U${n} S${n}/U${n}`);
    a.connect('P2', 's1');
    await sees(c, 'P1 P2 s1/P1 s1/P2');
  });

  for (const [what, leave, back] of [
    ['away', () => redis.stop('SIGKILL'), () => redis.start()],
    ['frozen', () => redis.pause(), () => redis.resume()],
  ] as const) {
    it(`is the own process’s while Redis is ${what}, and all of it afterwards`, async () => {
      const [a, b] = (await start(2)) as [Process, Process];
      const early = a.connect('P1', 's1');
      b.connect('P2', 's1');
      for (const each of [a, b]) await sees(each, 'P1 P2 s1/P1 s1/P2');
      await leave();
      await sees(a, 'P1 s1/P1');
      await sees(b, 'P2 s1/P2');
      // What changes meanwhile is told when it is back.
      a.sockets.remove(early);
      a.connect('D1', null);
      a.connect('P1', 's2');
      await back();
      for (const each of [a, b]) await sees(each, 'P1 P2 D1 s2/P1 s1/P2');
    });
  }

  it('forgets the users of a process that leaves, and of one that is silent', async () => {
    const [a, b] = (await start(2)) as [Process, Process];
    b.connect('P1', 's1');
    await sees(a, 'P1 s1/P1');
    await b.close();
    // Sooner than for its silence.
    await sees(a, '', BEAT_MS * 12);
    const raw = new Redis(redis.url);
    try {
      const event = { kind: 'presence', added: ['P2', 's1 P2'], removed: [] };
      await raw.publish('im:0:events', `silent 1 ${JSON.stringify([event])}`);
      await sees(a, 'P2 s1/P2');
      await new Promise((resolve) => setTimeout(resolve, BEAT_MS * 5));
      a.sees(users).should.equal('P2');
      await sees(a, '');
    } finally {
      raw.disconnect();
    }
  });

  it('asks again when an answer does not come', async () => {
    const [a] = (await start(1)) as [Process];
    const raw = new Redis(redis.url);
    const ear = new Redis(redis.url);
    try {
      const asked: string[] = [];
      ear.on('message', (_channel, text: string) => {
        if (text.includes('presence-ask')) asked.push(text.split(' ')[0]!);
      });
      await ear.subscribe('im:0:events:deaf');
      await raw.publish('im:0:events', 'deaf 5 b1');
      const beats = setInterval(() => void raw.publish('im:0:events', 'deaf 5 b1'), BEAT_MS);
      try {
        await waitUntil(
          () => asked.length >= 2,
          20_000,
          () => `it asked ${asked.length} times`,
        );
      } finally {
        clearInterval(beats);
      }
      const part = (added: string[], whole: string) =>
        raw.publish(
          `im:0:events:${asked[0]}`,
          `deaf 0 ${JSON.stringify([{ kind: 'presence', added, removed: [], whole }])}`,
        );
      await part(['P1'], 'part');
      a.sees(users).should.equal('');
      await part(['P2'], 'last');
      await sees(a, 'P1 P2');
    } finally {
      raw.disconnect();
      ear.disconnect();
    }
  });
});
