import should from 'should';
import { setTimeout as sleep } from 'node:timers/promises';
import { Streams } from '../../src/commands/delivery/streams';

interface Item {
  sessionId: string;
  id: number;
  previousId: number;
  /** Where it came from: pushed, or fetched from the database. */
  from: 'push' | 'database';
}

/** Streams over a database of ids that are all multiples of ten. */
class Stage {
  stored: number[] = [];
  readonly passed: string[] = [];
  readonly stale: number[] = [];
  readonly lost: string[] = [];
  fetches = 0;
  /** What the next reads of the database wait for, or fail with. */
  reading: () => Promise<void> = () => Promise.resolve();
  settling: () => Promise<void> = () => Promise.resolve();

  readonly streams = new Streams<Item>({
    emit: ({ from, id }) => this.passed.push(from === 'push' ? String(id) : `${id}db`),
    stale: ({ id }) => this.stale.push(id),
    positions: async (sessionIds) => {
      await this.reading();
      return new Map(sessionIds.map((id) => [id, this.stored.at(-1) ?? 0]));
    },
    fetch: async (sessionId, after, before) => {
      this.fetches += 1;
      await this.reading();
      const ids = this.stored.filter((id) => id > after && id < before);
      return ids.map((id) => ({ sessionId, id, previousId: 0, from: 'database' }));
    },
    settled: () => this.settling(),
    lost: (sessionId) => this.lost.push(sessionId),
    isTold: () => true,
  });

  store(count: number): this {
    for (let n = 0; n < count; n += 1) this.stored.push((this.stored.at(-1) ?? 0) + 10);
    return this;
  }

  push(...ids: number[]): void {
    for (const id of ids) this.streams.push({ sessionId: 's', id, previousId: id - 10, from: 'push' });
  }
}

const turn = () => sleep(5);

describe('Streams', () => {
  const ORDERS: [string, number[], string, number[]][] = [
    ['in their order', [10, 20, 30], '10 20 30', []],
    ['twice', [10, 10, 20, 10, 20], '10 20', [10, 10, 20]],
    ['with a gap', [10, 40], '10 20db 30db 40', []],
    ['backwards', [30, 20, 10], '10 20 30', []],
    ['one too late', [10, 30, 20, 40], '10 20 30 40', []],
    ['two gaps', [20, 50, 60], '10db 20 30db 40db 50 60', []],
  ];
  for (const [title, ids, passed, stale] of ORDERS) {
    it(`pass messages on in the order of their ids that come ${title}`, async () => {
      const stage = new Stage();
      await stage.streams.open(['s']);
      stage.store(6).push(...ids);
      await turn();
      stage.passed.join(' ').should.equal(passed);
      stage.stale.should.eql(stale);
    });
  }

  it('pass everything on at once where nobody listens', () => {
    const stage = new Stage();
    stage.push(30, 10, 10);
    stage.passed.should.eql(['30', '10', '10']);
  });

  it('ask the database for nothing while nothing is missing', async () => {
    const stage = new Stage().store(2);
    await stage.streams.open(['s']);
    stage.store(3).push(30, 40, 50);
    stage.fetches.should.equal(0);
    stage.passed.should.eql(['30', '40', '50']);
  });

  it('keep what comes while their beginning is being read, whatever the read sees of it', async () => {
    for (const seen of [1, 2, 3]) {
      const stage = new Stage().store(seen);
      stage.reading = turn;
      const opening = stage.streams.open(['s']);
      stage.push(30, 20);
      stage.passed.should.eql([]);
      await opening;
      stage.stored = [10, 20, 30, 40];
      stage.push(40);
      await turn();
      await turn();
      stage.passed.map((each) => parseInt(each, 10)).should.eql([20, 30, 40].slice(seen - 1));
    }
  });

  it('open once for all who wait, and say to all that it failed', async () => {
    const stage = new Stage().store(1);
    stage.reading = turn;
    const both = [stage.streams.open(['s', 't']), stage.streams.open(['t'])];
    await Promise.all(both);
    should(stage.streams.position('t')).equal(10);
    stage.reading = () => turn().then(() => Promise.reject(new Error('away')));
    const failing = [stage.streams.open(['u', 'v']), stage.streams.open(['v'])];
    stage.streams.push({ sessionId: 'v', id: 20, previousId: 10, from: 'push' });
    for (const each of await Promise.allSettled(failing)) each.status.should.equal('rejected');
    should(stage.streams.position('v')).be.undefined();
    // Its sender is answered.
    stage.passed.should.eql(['20']);
  });

  it('put a message that is being committed here in the place of the fetched one', async () => {
    const stage = new Stage();
    await stage.streams.open(['s']);
    stage.settling = async () => {
      await turn();
      stage.push(10);
    };
    stage.store(3).push(30);
    await turn();
    await turn();
    stage.passed.should.eql(['10', '20db', '30']);
    stage.stale.should.eql([]);
  });

  it('catch up with what nobody told of, also while they are busy', async () => {
    const stage = new Stage();
    await stage.streams.open(['s']);
    stage.store(2).streams.catchUp('s', 20);
    stage.push(10);
    stage.store(1).streams.catchUp('s', 30);
    await turn();
    stage.passed.map((each) => parseInt(each, 10)).should.eql([10, 20, 30]);
    stage.streams.catchUp('s', 30);
    stage.streams.catchUp('unknown', 30);
    const opening = stage.streams.open(['t']);
    stage.store(1).streams.catchUp('t', 40);
    await opening;
    await turn();
    stage.passed.slice(3).should.eql([]);
    should(stage.streams.position('t')).equal(40);
  });

  it('pass a message on that the database no longer has', async () => {
    const stage = new Stage();
    await stage.streams.open(['s']);
    stage.push(20, 30);
    await turn();
    stage.passed.should.eql(['20', '30']);
  });

  it('have everybody sync when the database fails, answer the senders, and go on', async () => {
    const stage = new Stage();
    await stage.streams.open(['s']);
    stage.reading = () => Promise.reject(new Error('away'));
    stage.store(3).push(20, 30);
    await turn();
    stage.lost.should.eql(['s']);
    stage.stale.should.eql([20, 30]);
    stage.store(1).push(40);
    stage.passed.should.eql(['40']);
  });

  it('bring each message once, in order, whatever the bus does', async () => {
    for (let round = 0; round < 30; round += 1) {
      const stage = new Stage();
      stage.reading = () => sleep(Math.random() * 3);
      stage.settling = () => sleep(Math.random() * 2);
      await stage.streams.open(['s']);
      const sent: number[] = [];
      for (let n = 0; n < 60; n += 1) {
        stage.store(1);
        const id = stage.stored.at(-1)!;
        sent.push(id);
        if (Math.random() < 0.8) setTimeout(() => stage.push(id), Math.random() * 6);
        if (Math.random() < 0.1) setTimeout(() => stage.push(id), Math.random() * 12);
        if (Math.random() < 0.3) await sleep(1);
      }
      await sleep(14);
      stage.streams.catchUp('s', sent.at(-1)!);
      for (let wait = 0; wait < 50 && stage.passed.length < sent.length; wait += 1) await sleep(2);
      stage.passed.map((each) => parseInt(each, 10)).should.eql(sent);
      stage.lost.should.eql([]);
    }
  });
});
