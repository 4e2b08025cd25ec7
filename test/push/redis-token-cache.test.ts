import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { connectRedis } from '../../src/push/bus/redis';
import { redisTokenCache, type RedisTokenCacheOptions } from '../../src/push/outgoing/redis-token-cache';
import { requireOrSkip } from '../support/databases';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { waitUntil } from '../support/wait-until';
import { message, withFakeWechat } from './wechat-fixture';

const APP = { host: 'wechat', appId: 'wx-one', workMs: 300 } as const;

describe('The WeChat token in Redis', () => {
  if (!requireOrSkip('redis')) return;
  let redis: PrivateRedis;
  const connections: Redis[] = [];
  const at = withFakeWechat();

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.remove());
  afterEach(async () => {
    redis.resume();
    await redis.start();
    for (const each of connections.splice(0)) each.disconnect();
    await redis.flush();
  });

  async function cache(options: RedisTokenCacheOptions = APP) {
    const connection = connectRedis(redis.url);
    connections.push(connection);
    await waitUntil(
      () => connection.status === 'ready',
      20_000,
      () => 'no connection',
    );
    return redisTokenCache(connection, options);
  }

  function gate(): { open: () => void; opened: Promise<void> } {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  }

  const token = (text: string, lifetime = 60_000) => ({
    token: text,
    renewAt: Date.now() + lifetime / 2,
    expiresAt: Date.now() + lifetime,
  });

  it('is the same for all processes of one app, and another for another app', async () => {
    const [a, b, c] = [await cache(), await cache(), await cache({ ...APP, appId: 'wx-two' })];
    const getui = await cache({ ...APP, host: 'getui' });
    should(await a.get()).be.undefined();
    const kept = token('t+/=="1');
    await a.set(kept);
    (await b.get())!.should.eql(kept);
    should(await c.get()).be.undefined();
    should(await getui.get()).be.undefined();
    await b.drop('another');
    (await a.get())!.should.eql(kept);
    await b.drop(kept.token);
    should(await a.get()).be.undefined();
  });

  it('is gone at its end, and one that has ended is not kept', async () => {
    const a = await cache();
    await a.set(token('short', 1_000));
    should(await a.get()).not.be.undefined();
    await waitUntil(
      async () => (await a.get()) === undefined,
      20_000,
      () => 'it is still there',
    );
    await a.set(token('ended', -5));
    should(await a.get()).be.undefined();
  });

  it('is not taken from what another version has kept', async () => {
    const a = await cache();
    await a.set(token('t'));
    const [connection] = connections as [Redis];
    const [key] = (await connection.keys('im:wechat:*')) as [string];
    for (const text of ['null', '[]', '{"token":"t"}', '{"token":1,"renewAt":1,"expiresAt":1}']) {
      await connection.set(key, text);
      should(await a.get()).be.undefined();
    }
    key.should.not.containEql(APP.appId);
  });

  it('lets one process work at a time', async () => {
    const caches = [await cache(), await cache(), await cache()];
    let atOnce = 0;
    let most = 0;
    const work = async (): Promise<number> => {
      most = Math.max(most, ++atOnce);
      await sleep(20);
      return --atOnce;
    };
    await Promise.all(Array.from({ length: 9 }, (_, n) => caches[n % 3]!.exclusively!(work)));
    most.should.equal(1);
  });

  it('waits no longer than the work may take for a process that died under the lock', async () => {
    const [a, b] = [await cache(), await cache()];
    const begun = gate();
    void a.exclusively!(() => {
      begun.open();
      return new Promise(() => undefined);
    });
    await begun.opened;
    const begin = Date.now();
    should(await b.exclusively!(() => Promise.resolve('done'))).equal('done');
    should(Date.now() - begin).be.within(APP.workMs, APP.workMs + 5_000);
  });

  it('never lets two work at once, however long the others take', async function () {
    this.timeout(60_000);
    const caches = [await cache(), await cache(), await cache(), await cache()];
    let atOnce = 0;
    let most = 0;
    // Each takes so long that the last one's patience ends before its turn, and a second less than it holds the lock.
    const work = async (): Promise<boolean> => {
      most = Math.max(most, ++atOnce);
      await sleep(APP.workMs + 1_000);
      atOnce -= 1;
      return true;
    };
    const results = await Promise.all(caches.map((each) => each.exclusively!(work)));
    most.should.equal(1);
    should(results).containEql(true);
    should(results).containEql(undefined);
  });

  it('does not free a lock that has passed to another process', async () => {
    const [a, b, c] = [await cache(), await cache(), await cache()];
    const [connection] = connections as [Redis];
    const order: string[] = [];
    const [begun, end] = [
      [gate(), gate()],
      [gate(), gate()],
    ] as const;
    const work = (n: 0 | 1, name: string) => async () => {
      begun[n].open();
      await end[n].opened;
      order.push(name);
    };
    const slow = a.exclusively!(work(0, 'a'));
    await begun[0].opened;
    // As if its time had run out.
    const [lock] = (await connection.keys('*:lock')) as [string];
    await connection.del(lock);
    const second = b.exclusively!(work(1, 'b'));
    await begun[1].opened;
    end[0].open();
    await slow;
    // On the same connection: what the first one does at its end is done.
    await a.get();
    const third = c.exclusively!(() => Promise.resolve(order.push('c')));
    await sleep(200);
    order.should.eql(['a']);
    end[1].open();
    await Promise.all([second, third]);
    order.should.eql(['a', 'b', 'c']);
  });

  for (const [what, leave] of [
    ['away', () => redis.stop('SIGKILL')],
    ['frozen', () => redis.pause()],
  ] as const) {
    it(`fails within a second or so while Redis is ${what}, and messages are sent all the same`, async () => {
      const a = await cache();
      const wechat = at.client({ tokenCache: a });
      (await wechat.send(message('m1'))).result.should.equal('sent');
      // Another one, which never asked WeChat itself.
      const other = at.client({ tokenCache: await cache() });
      (await other.send(message('m2'))).result.should.equal('sent');
      await leave();
      const begin = Date.now();
      const calls = [a.get(), a.set(token('t')), a.drop('t'), a.exclusively!(() => Promise.resolve())];
      for (const call of await Promise.allSettled(calls)) call.status.should.equal('rejected');
      should(Date.now() - begin).be.below(3_000);
      const sends = [wechat.send(message('m3')), other.send(message('m4'))];
      for (const outcome of await Promise.all(sends)) outcome.result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(1);
    });
  }

  it('is asked for once by three processes that need it at once, and once when it is refused', async () => {
    const clients = [await cache(), await cache(), await cache()].map((tokenCache) =>
      at.client({ tokenCache }),
    );
    for (const round of [1, 2]) {
      at.fake.answerNext('token', { delayMs: 100 });
      const sends = Array.from({ length: 12 }, (_, n) => clients[n % 3]!.send(message(`m${round}-${n}`)));
      for (const outcome of await Promise.all(sends)) outcome.result.should.equal('sent');
      at.fake.tokenRequests.should.have.length(round);
      at.fake.expireToken();
    }
    at.fake.delivered.should.have.length(24);
  });
});
