import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type BusEvent } from '../../src/push/bus/bus';
import { BusQuestions } from '../../src/push/bus/bus-questions';
import { RedisBus } from '../../src/push/bus/redis-bus';
import { requireOrSkip } from '../support/databases';
import { linesPrintedBy } from '../support/log-lines';
import { type PrivateRedis, startRedis } from '../support/private-redis';
import { waitUntil } from '../support/wait-until';

// A busy machine must not take three of them to pass one on.
const BEAT_MS = 100;

/** A bus and all that it told. */
class Ear {
  readonly bus: RedisBus;
  readonly heard: string[] = [];
  readonly missed: (string | undefined)[] = [];
  readonly gone: string[] = [];

  constructor(url: string, beatMs = BEAT_MS, startLimitMs = 8_000) {
    this.bus = new RedisBus({ url, beatMs, startLimitMs });
    this.bus.listen({
      event: (event) => this.heard.push(event.kind === 'profile' ? event.userId : event.kind),
      missed: (from) => this.missed.push(from),
      gone: (from) => this.gone.push(from),
    });
  }
}

const profile = (userId: string): BusEvent => ({ kind: 'profile', userId });

describe('The bus over Redis', () => {
  if (!requireOrSkip('redis')) return;
  let redis: PrivateRedis;
  let raw: Redis;
  const ears: Ear[] = [];

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.remove());

  beforeEach(() => {
    raw = new Redis(redis.url, { lazyConnect: true, maxRetriesPerRequest: 0 });
    raw.on('error', () => undefined);
  });
  afterEach(async () => {
    redis.resume();
    raw.disconnect();
    await Promise.all(ears.splice(0).map((ear) => ear.bus.close()));
    await redis.start();
  });

  async function start(count: number, url = redis.url, beatMs?: number): Promise<Ear[]> {
    const made = Array.from({ length: count }, () => new Ear(url, beatMs));
    ears.push(...made);
    await Promise.all(made.map((ear) => ear.bus.start()));
    for (const ear of made) ear.missed.length = 0;
    return made;
  }

  const healthy = (all: Ear[], wanted: boolean) =>
    waitUntil(
      () => all.every((ear) => ear.bus.healthy === wanted),
      20_000,
      () => `healthy was not ${wanted}`,
    );
  const hears = (ear: Ear, count: number) =>
    waitUntil(
      () => ear.heard.length >= count,
      20_000,
      () => `${ear.heard.length} of ${count} events came`,
    );
  const texts = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

  it('says when all the others have handled what was published, at once where there are none', async () => {
    const [alone] = await start(1);
    await alone!.bus.heard(10_000);
    const [a, b, c] = await start(3);
    a!.bus.publish(profile('x'));
    await a!.bus.heard(10_000);
    should([b!.heard, c!.heard]).eql([['x'], ['x']]);
    should(a!.heard).eql([]);
  });

  it('waits no longer for one that does not answer than it is told', async () => {
    const [a] = await start(2);
    redis.pause();
    const since = performance.now();
    await a!.bus.heard(BEAT_MS * 2);
    (performance.now() - since).should.be.within(BEAT_MS * 2 - 5, 5_000);
  });

  it('tells the others everything once, in the order of each publisher, and nobody its own', async () => {
    const [a, b, c] = (await start(3)) as [Ear, Ear, Ear];
    for (let n = 0; n < 3_000; n += 1) {
      a.bus.publish(profile(`a${n}`));
      if (n % 3 === 0) b.bus.publish(profile(`b${n / 3}`));
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([hears(a, 1_000), hears(b, 3_000), hears(c, 4_000)]);
    a.heard.should.eql(texts('b', 1_000));
    b.heard.should.eql(texts('a', 3_000));
    c.heard.filter((each) => each.startsWith('a')).should.eql(texts('a', 3_000));
    c.heard.filter((each) => each.startsWith('b')).should.eql(texts('b', 1_000));
    for (const ear of [a, b, c]) ear.missed.should.eql([]);
  });

  it('tells one process alone, in order with what all are told', async () => {
    const [a, b, c] = (await start(3)) as [Ear, Ear, Ear];
    let id = '';
    a.bus.listen({ event: (_event, from) => (id = from) });
    b.bus.publish(profile('hello'));
    await hears(a, 1);
    for (let n = 0; n < 50; n += 1) a.bus.publish(profile(String(n)), n % 2 === 0 ? id : undefined);
    await Promise.all([hears(b, 50), hears(c, 26)]);
    b.heard.should.eql(texts('', 50));
    c.heard.should.eql(['hello', ...texts('', 50).filter((_, n) => n % 2 === 1)]);
    for (const ear of [b, c]) ear.missed.should.eql([]);
  });

  it('keeps databases of one Redis apart', async () => {
    const [a] = (await start(1)) as [Ear];
    const [b, c] = (await start(2, `${redis.url}/3`)) as [Ear, Ear];
    a.bus.publish(profile('first'));
    b.bus.publish(profile('third'));
    await hears(c, 1);
    c.heard.should.eql(['third']);
    b.heard.should.eql([]);
    a.bus.description.should.equal(`redis://127.0.0.1:${redis.port}`);
    b.bus.description.should.equal(`redis://127.0.0.1:${redis.port}/3`);
  });

  it('goes with Redis and comes back by itself, with one line for each, and says that something was missed', async () => {
    // Slow beats: on a busy machine they must not take themselves for away again.
    const [a, b] = (await start(2, redis.url, 5 * BEAT_MS)) as [Ear, Ear];
    const lines = await linesPrintedBy(async () => {
      await redis.stop('SIGKILL');
      await healthy([a, b], false);
      await a.bus.ping().should.be.rejected();
      for (let n = 0; n < 1_000; n += 1) a.bus.publish(profile('lost'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await redis.start();
      await healthy([a, b], true);
      await a.bus.ping();
      a.bus.publish(profile('heard'));
      await hears(b, 1);
    });
    b.heard.should.eql(['heard']);
    a.missed.should.containEql(undefined);
    b.missed.should.containEql(undefined);
    lines.filter((line) => /^\[WARN\].*is away/.test(line)).should.have.length(2);
    lines.filter((line) => /^\[INFO\].*is back/.test(line)).should.have.length(2);
    lines.should.have.length(4);
    lines.join('\n').should.not.containEql('test@').and.not.containEql(':test');
  });

  it('notices a Redis that is frozen, and works again when it is not', async () => {
    const [a, b] = (await start(2)) as [Ear, Ear];
    redis.pause();
    const begin = Date.now();
    for (let n = 0; n < 1_000; n += 1) a.bus.publish(profile('while it looks well'));
    should(Date.now() - begin).be.below(2_000);
    await healthy([a, b], false);
    await a.bus.ping().should.be.rejected();
    a.bus.publish(profile('lost'));
    // Longer than connections are left alone.
    await new Promise((resolve) => setTimeout(resolve, BEAT_MS * 15));
    redis.resume();
    await healthy([a, b], true);
    await waitUntil(
      () => b.missed.some((from) => from !== undefined),
      20_000,
      () => 'b was not told of the gap',
    );
    a.bus.publish(profile('last'));
    await waitUntil(
      () => b.heard.includes('last'),
      20_000,
      () => 'b did not hear a',
    );
    b.heard.should.not.containEql('lost');
  });

  it('is not taken for back by late answers on connections that it is closing', async () => {
    const [a] = (await start(1)) as [Ear];
    const { commands } = a.bus;
    const { stream } = commands;
    const lines = await linesPrintedBy(async () => {
      // As on a busy machine: the answers are there, and are read after the bus has given the connection up.
      stream.pause();
      const disconnect = commands.disconnect.bind(commands);
      commands.disconnect = (reconnect) => {
        stream.resume();
        disconnect(reconnect);
      };
      await healthy([a], false);
      await waitUntil(
        () => a.bus.healthy && commands.stream !== stream,
        20_000,
        () => 'it did not come back',
      );
    });
    lines.filter((line) => line.startsWith('[WARN]')).should.have.length(1);
    lines.filter((line) => line.startsWith('[INFO]')).should.have.length(1);
    a.missed.should.eql([undefined]);
  });

  it('tells those who were never away what a process that was away did not tell', async () => {
    // Slow beats: on a busy machine b must not take itself for away.
    const [a, b] = (await start(2, redis.url, 5 * BEAT_MS)) as [Ear, Ear];
    await raw.connect();
    for (const id of await connectionsOf(a)) await raw.call('client', 'kill', 'id', id);
    await healthy([a], false);
    a.bus.publish(profile('lost'));
    await healthy([a], true);
    await waitUntil(
      () => b.missed.length > 0,
      20_000,
      () => 'b was not told',
    );
    should(b.bus.healthy).be.true();
    b.missed.should.matchEvery((from: unknown) => typeof from === 'string');
    b.heard.should.eql([]);
  });

  async function connectionsOf(ear: Ear): Promise<string[]> {
    const id = String(await ear.bus.commands.client('ID'));
    const list = String(await raw.client('LIST')).split('\n');
    // Its subscriber is the connection made right after.
    const subscriber = list
      .map((line) => Number(/^id=(\d+)/.exec(line)?.[1]))
      .filter((each) => each > Number(id))
      .sort((x, y) => x - y)[0];
    return [id, String(subscriber)];
  }

  const channel = 'im:0:events';
  const gaps: [string, string[], { heard: string[]; missed: number }][] = [
    ['a first batch', ['x 1 [p1]'], { heard: ['p1'], missed: 0 }],
    ['a process met late', ['x 7 [p7]'], { heard: ['p7'], missed: 1 }],
    ['a process met late by its beat', ['x 7 b9'], { heard: [], missed: 1 }],
    ['a process that has told nothing yet', ['x 0 b9', 'x 0 h'], { heard: [], missed: 0 }],
    ['a lost batch', ['x 1 [p1]', 'x 3 [p3]'], { heard: ['p1', 'p3'], missed: 1 }],
    ['a lost batch that only a beat tells of', ['x 1 [p1]', 'x 2 b5'], { heard: ['p1'], missed: 1 }],
    ['beats without news', ['x 1 [p1]', 'x 1 b1', 'x 1 b2', 'x 2 [p2]'], { heard: ['p1', 'p2'], missed: 0 }],
    [
      'a late batch',
      ['x 1 [p1]', 'x 3 [p3]', 'x 2 [p2]', 'x 4 [p4]'],
      { heard: ['p1', 'p3', 'p4'], missed: 1 },
    ],
    ['a doubled batch', ['x 1 [p1]', 'x 1 [p1]', 'x 2 [p2]'], { heard: ['p1', 'p2'], missed: 0 }],
    ['an event of a later version', ['x 1 [{"kind":"new"},p1]'], { heard: ['new', 'p1'], missed: 0 }],
  ];
  for (const [what, sent, { heard, missed }] of gaps) {
    it(`sorts ${what}`, async () => {
      const [a] = (await start(1)) as [Ear];
      await raw.connect();
      for (const text of sent) {
        await raw.publish(
          channel,
          text.replace(/\bp\d/g, (id) => JSON.stringify(profile(id))),
        );
      }
      a.bus.publish(profile('own'));
      await raw.publish(channel, `y 1 ${JSON.stringify([profile('end')])}`);
      await hears(a, heard.length + 1);
      a.heard.should.eql([...heard, 'end']);
      a.missed.should.eql(Array.from({ length: missed }, () => 'x'));
    });
  }

  it('is not thrown off by a foreign text or by a listener that throws', async () => {
    const [a] = (await start(1)) as [Ear];
    a.bus.listen({
      event: () => {
        throw new Error('a fault');
      },
    });
    await raw.connect();
    const lines = await linesPrintedBy(async () => {
      for (const text of ['', 'x', 'x y', 'x 1 [', 'x 2 [nonsense]', 'x 3 {}'])
        await raw.publish(channel, text);
      await raw.publish(channel, `x 4 ${JSON.stringify([profile('p1'), profile('p2')])}`);
      await hears(a, 2);
    });
    a.heard.should.eql(['p1', 'p2']);
    lines.filter((line) => line.startsWith('[ERROR]')).should.have.length(4);
    lines.join('\n').should.not.containEql('nonsense').and.not.containEql('a fault');
  });

  it('takes a process that is silent for gone, and one that says goodbye at once', async () => {
    const [a, b] = (await start(2)) as [Ear, Ear];
    await raw.connect();
    await raw.publish(channel, 'silent 0 b1');
    await new Promise((resolve) => setTimeout(resolve, BEAT_MS * 5));
    a.gone.should.eql([]);
    await raw.publish(channel, 'silent 0 b2');
    await b.bus.close();
    await waitUntil(
      () => a.gone.length > 0,
      20_000,
      () => 'a was not told of the goodbye',
    );
    // Without a goodbye the other one would be the first.
    a.gone[0]!.should.not.equal('silent');
    await waitUntil(
      () => a.gone.includes('silent'),
      20_000,
      () => 'a was not told of the silence',
    );
    await raw.publish(channel, 'silent 1 b9');
    await waitUntil(
      () => a.missed.includes('silent'),
      20_000,
      () => 'a was not told that it is back',
    );
  });

  it('starts while Redis is away, quietly, and finds it later', async () => {
    await redis.stop();
    const ear = new Ear(redis.url, BEAT_MS, 1_000);
    ears.push(ear);
    const lines = await linesPrintedBy(async () => {
      const begin = Date.now();
      await ear.bus.start();
      should(Date.now() - begin).be.within(950, 5_000);
      should(ear.bus.healthy).be.false();
      ear.bus.publish(profile('lost'));
      await redis.start();
      await healthy([ear], true);
    });
    // Whoever starts the server says how it went.
    lines.should.matchEvery(/^\[INFO\].*is back/).and.have.length(1);
    ear.missed.should.eql([undefined]);
  });

  it('knows the others when its start is over', async () => {
    const [a] = (await start(1)) as [Ear];
    const [b] = (await start(1)) as [Ear];
    a.bus.publish(profile('early'));
    await hears(b, 1);
    const late = new Ear(redis.url);
    ears.push(late);
    await late.bus.start();
    // What a told before is known to be missed; b has told nothing.
    late.missed.filter((from) => from !== undefined).should.have.length(1);
  });
});

describe('A question on the bus', () => {
  const isOpen = async (answered: Promise<void>) =>
    (await Promise.race([answered.then(() => 'answered'), sleep(20, 'open')])) === 'open';

  it('is answered when each of those asked has answered it, or is gone', async () => {
    const questions = new BusQuestions();
    const first = questions.ask(['a', 'b', 'c'], 20_000);
    const second = questions.ask(['a'], 20_000);
    questions.answer('a', first.number);
    questions.answer('a', first.number);
    questions.answer('d', first.number);
    questions.answer('b', first.number);
    should(await isOpen(first.answered)).be.true();
    questions.forget('c');
    await first.answered;
    should(await isOpen(second.answered)).be.true();
    questions.forget('a');
    await second.answered;
  });
});
