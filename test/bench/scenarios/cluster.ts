import { hasRedis, startRedis } from '../../support/private-redis';
import { waitUntil } from '../../support/wait-until';
import { type LoadProcess } from '../load-process';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { type BenchServer } from '../servers';
import {
  accepted,
  checked,
  HOT_SESSION,
  type Party,
  populate,
  receiver,
  senders,
  serverParty,
} from './parties';

interface Figures {
  perSecond: number;
  cpuMsPerThousand: number;
}

/** The senders take turns at the processes, and a patient listens on each of them: all hear everything, in order. */
async function measure(
  bench: Bench,
  client: LoadProcess,
  parties: readonly Party[],
  sessions: 'many' | 'hot',
  seconds: number,
): Promise<Figures> {
  const [first] = parties as [Party];
  const cast = {
    senders: senders(bench, first, sessions, bench.sizes.doctors).map((plan, index) => ({
      ...plan,
      port: parties[index % parties.length]?.server.port ?? plan.port,
    })),
    receivers: parties.map((party) => receiver(party, sessions === 'hot' ? HOT_SESSION : 's0')),
  };
  const pids = parties.map(({ server }) => server.pid);
  const ms = seconds * 1000;
  const { maxMessages } = bench.sizes;
  const result = await checked(bench, first, `cluster of ${parties.length} ${sessions}`, cast, (run) =>
    client.run({ kind: 'send', door: 'rest', ...cast, run, ms, maxMessages, pids }, ms + 40_000),
  );
  const cpuMs = result.cpuMs.reduce((sum, used) => sum + used, 0);
  const messages = accepted(result);
  return { perSecond: (messages / result.ms) * 1000, cpuMsPerThousand: (cpuMs / messages) * 1000 };
}

/** What the server says of its bus at its start. */
async function busOf(server: BenchServer): Promise<string> {
  const line = () => /bus: (.*)/.exec(server.log())?.[1];
  await waitUntil(
    () => line() !== undefined,
    5_000,
    () => 'no line about the bus was logged',
  );
  return line() ?? '';
}

/** Two processes with one database and Redis, beside one process alone. */
export const cluster: Scenario = async (bench) => {
  const { rounds, seconds, warmSeconds } = bench.sizes;
  if (bench.database.name === 'sqlite') return;
  if (!hasRedis()) {
    bench.report.note('cluster: skipped, Redis is not installed (apt-get install redis-server)');
    return;
  }
  const redis = await startRedis();
  bench.onEnd(() => redis.remove());
  const tables = await bench.tables();
  const settings = { IM_REDIS_URL: redis.url };
  const first = await bench.server(tables, { settings });
  const bus = await busOf(first);
  if (!/redis/i.test(bus)) {
    bench.report.note(`cluster: skipped, the server does not use IM_REDIS_URL (its bus: ${bus})`);
    return;
  }
  const second = await bench.server(tables, { settings });
  const tokens = await populate(bench, first);
  const pair = [first, second].map((server): Party => ({
    name: 'server',
    server,
    tokens,
    messages: { tables, name: 'muc_messages' },
  }));
  const single = [await serverParty(bench)];
  const client = bench.client();
  if (warmSeconds > 0)
    for (const each of [pair, single]) await measure(bench, client, each, 'many', warmSeconds);
  for (let round = 0; round < rounds; round += 1) {
    for (const sessions of ['many', 'hot'] as const) {
      const [own, other] = await bothSides(
        round,
        () => measure(bench, client, pair, sessions, seconds),
        () => measure(bench, client, single, sessions, seconds),
      );
      const title = sessions === 'hot' ? 'one hot session' : 'many sessions';
      bench.say(
        `${title}: two processes ${own.perSecond.toFixed(0)}/s, ${own.cpuMsPerThousand.toFixed(0)} ms CPU a 1,000; one ${other.perSecond.toFixed(0)}/s, ${other.cpuMsPerThousand.toFixed(0)} ms`,
      );
      const common = { scenario: `cluster (${bench.database.name})`, title, against: 'one process' };
      bench.report.add({ ...common, unit: 'messages/s' }, own.perSecond, other.perSecond);
      bench.report.add({ ...common, unit: 'CPU ms/1,000' }, own.cpuMsPerThousand, other.cpuMsPerThousand);
    }
  }
};
