import { type LoadProcess } from '../load-process';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { percentile } from '../statistics';
import { checked, naiveParty, type Party, receiver, senders, serverParty } from './parties';

interface Figures {
  p50: number;
  p99: number;
  pushP99: number;
}

async function measure(bench: Bench, client: LoadProcess, party: Party, seconds: number): Promise<Figures> {
  const users = senders(bench, party, 'many', bench.sizes.doctors).map((each) => ({
    ...each,
    sessions: each.sessions.slice(0, 1),
  }));
  const cast = { senders: users, receivers: users.map((each) => receiver(party, each.sessions[0] ?? '')) };
  const ratePerSecond = bench.sizes.pacedRate;
  const { latencies, pushLatencies } = await checked(bench, party, 'latency', cast, (run) =>
    client.run(
      { kind: 'paced', ...cast, run, ratePerSecond, messages: Math.ceil(ratePerSecond * seconds) },
      seconds * 1000 + 60_000,
    ),
  );
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    pushP99: percentile(pushLatencies, 0.99),
  };
}

/** How long a send takes from the moment it was due, at a rate that both servers can bear; every sender's patient listens. */
export const latency: Scenario = async (bench) => {
  const { pacedRate, pacedSeconds, rounds, warmSeconds } = bench.sizes;
  const client = bench.client();
  const party = await serverParty(bench);
  const naive = await naiveParty(bench);
  if (warmSeconds > 0) {
    for (const each of [party, naive]) await measure(bench, client, each, warmSeconds);
  }
  for (let round = 0; round < rounds; round += 1) {
    const [own, other] = await bothSides(
      round,
      () => measure(bench, client, party, pacedSeconds),
      () => measure(bench, client, naive, pacedSeconds),
    );
    const common = { scenario: `latency (${bench.database.name})`, against: 'naive', unit: 'ms' };
    const title = `${pacedRate}/s offered, `;
    bench.say(
      `${title}p50 ${own.p50.toFixed(2)} (naive ${other.p50.toFixed(2)}), p99 ${own.p99.toFixed(2)} (${other.p99.toFixed(2)}), push p99 ${own.pushP99.toFixed(2)} (${other.pushP99.toFixed(2)})`,
    );
    bench.report.add({ ...common, title: `${title}p50` }, own.p50, other.p50);
    bench.report.add(
      { ...common, title: `${title}p99`, target: { ratio: 1, is: 'at most' } },
      own.p99,
      other.p99,
    );
    bench.report.add({ ...common, title: `${title}p99 of the push` }, own.pushP99, other.pushP99);
  }
};
