import should from 'should';
import { Redis } from 'ioredis';
import { RedisBus } from '../../src/push/bus/redis-bus';
import { requireOrSkip } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { TestServer } from '../support/server';
import { waitUntil } from '../support/wait-until';

// A busy machine must not take three of them to pass one on.
const BEAT_MS = 100;

describe('A Redis that becomes a replica', () => {
  if (!requireOrSkip('redis')) return;
  let first: PrivateRedis;
  let second: PrivateRedis;
  const buses: RedisBus[] = [];

  before(async () => {
    [first, second] = await Promise.all([startRedis(), startRedis()]);
  });
  after(async () => {
    await Promise.all([first, second].map((each) => each.remove()));
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await Promise.all([first, second].map((each) => each.replicaOf(undefined)));
  });

  async function start(url: string): Promise<{ bus: RedisBus; heard: string[] }> {
    const bus = new RedisBus({ url, beatMs: BEAT_MS, startLimitMs: 8_000 });
    const heard: string[] = [];
    bus.listen({ event: (event) => heard.push(event.kind) });
    buses.push(bus);
    await bus.start();
    return { bus, heard };
  }

  const becomes = (bus: RedisBus, healthy: boolean) =>
    waitUntil(
      () => bus.healthy === healthy,
      20_000,
      () => `healthy was not ${healthy}`,
    );

  it('is away for a process that reaches nobody through it, with one line, until it is the primary again', async () => {
    const { bus } = await start(first.url);
    should(bus.healthy).be.true();
    const lines = await linesPrintedBy(async () => {
      await first.replicaOf(second);
      await becomes(bus, false);
      await bus.ping().should.be.rejected();
      // It takes texts all the time.
      await bus.commands.publish('x', 'y');
      await new Promise((resolve) => setTimeout(resolve, BEAT_MS * 20));
      should(bus.healthy).be.false();
      await first.replicaOf(undefined);
      await becomes(bus, true);
      await bus.ping();
    });
    lines.filter((line) => /^\[WARN\].*is away, it is no primary \(slave\)/.test(line)).should.have.length(1);
    lines.filter((line) => /^\[INFO\].*is back/.test(line)).should.have.length(1);
    lines.should.have.length(2);
  });

  it('is away for those on it, and not for those on the primary', async () => {
    await first.replicaOf(second);
    const { bus: onReplica } = await start(first.url);
    const { bus: onPrimary } = await start(second.url);
    should([onReplica.healthy, onPrimary.healthy]).eql([false, true]);
  });

  it('still serves processes that all are on it: each answers the others', async () => {
    const [a, b] = await Promise.all([start(first.url), start(first.url)]);
    await first.replicaOf(second);
    await new Promise((resolve) => setTimeout(resolve, BEAT_MS * 20));
    should([a.bus.healthy, b.bus.healthy]).eql([true, true]);
    a.bus.publish({ kind: 'profile', userId: 'x' });
    await waitUntil(
      () => b.heard.includes('profile'),
      20_000,
      () => 'it was not heard',
    );
    // The last one is alone.
    await b.bus.close();
    await becomes(a.bus, false);
  });

  it('is taken for a primary where ROLE is forbidden', async () => {
    const admin = new Redis(first.url);
    await admin.acl('SETUSER', 'narrow', 'on', '>narrow', '~*', '&*', '+@all', '-role');
    admin.disconnect();
    const url = new URL(first.url);
    url.username = url.password = 'narrow';
    const { bus } = await start(url.href);
    should(bus.healthy).be.true();
  });

  it('is named by /health/ready, which says that the process serves', async function () {
    this.timeout(60_000);
    const server = await TestServer.start({ IM_REDIS_URL: first.url });
    const redis = async (wanted: string) => {
      await waitUntil(
        async () => {
          const answer = await fetch(`${server.url}/health/ready`);
          const body = (await answer.json()) as { parts: { database: string; redis: string } };
          should([answer.status, body.parts.database]).eql([200, 'ok']);
          return body.parts.redis === wanted;
        },
        20_000,
        () => `Redis was not ${wanted}`,
      );
    };
    try {
      await redis('ok');
      await linesPrintedBy(async () => {
        await first.replicaOf(second);
        await redis('unavailable');
        await first.replicaOf(undefined);
        await redis('ok');
      });
    } finally {
      await server.stop();
    }
  });
});
