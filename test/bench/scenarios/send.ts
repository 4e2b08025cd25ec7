import { type Sizes } from '../options';
import { type LoadProcess } from '../load-process';
import { cpuMs } from '../process-usage';
import { type Target } from '../report';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { percentile } from '../statistics';
import {
  accepted,
  checked,
  HOT_SESSION,
  naiveParty,
  type Party,
  receiver,
  senders,
  serverParty,
} from './parties';

export type SendCase = Sizes['sendCases'][number];

/** What the issue asks for, on MariaDB: messages a second, and CPU a message. */
function targetOf(database: string, { door, sessions, senders: count }: SendCase): Target | undefined {
  const atLeast = (ratio: number): Target => ({ ratio, is: 'at least' });
  if (database === 'sqlite')
    return door === 'rest' && count === 64 && sessions === 'many' ? atLeast(4) : undefined;
  if (door === 'socket') return count === 64 && sessions === 'many' ? atLeast(5) : undefined;
  if (count === 64) return atLeast(sessions === 'hot' ? 5 : 4);
  return count === 1 ? atLeast(1.2) : undefined;
}

interface Figures {
  perSecond: number;
  cpuMsPerThousand: number;
  databaseCpuMsPerThousand: number;
  medianMs: number;
}

/** As many messages as it takes, from `count` senders at once; one socket listens. */
export async function measureSend(
  bench: Bench,
  client: LoadProcess,
  party: Party,
  { door, senders: count, sessions }: SendCase,
  seconds: number,
): Promise<Figures> {
  const cast = {
    senders: senders(bench, party, sessions, count),
    receivers: [receiver(party, sessions === 'hot' ? HOT_SESSION : 's0')],
  };
  const { database, server } = { database: bench.database.pid, server: party.server };
  const before = { server: server.cpuMs(), database: database === undefined ? 0 : cpuMs(database) };
  let after = before;
  const result = await checked(bench, party, `send ${count} ${sessions} ${door}`, cast, async (run) => {
    const ms = seconds * 1000;
    const { maxMessages } = bench.sizes;
    const done = await client.run({ kind: 'send', door, ...cast, run, ms, maxMessages }, ms + 40_000);
    after = { server: server.cpuMs(), database: database === undefined ? 0 : cpuMs(database) };
    return done;
  });
  const messages = accepted(result);
  return {
    perSecond: (messages / result.ms) * 1000,
    cpuMsPerThousand: ((after.server - before.server) / messages) * 1000,
    databaseCpuMsPerThousand: ((after.database - before.database) / messages) * 1000,
    medianMs: percentile(result.latencies, 0.5),
  };
}

function describe(
  name: string,
  { cpuMsPerThousand, databaseCpuMsPerThousand, medianMs, perSecond }: Figures,
): string {
  return `${name} ${perSecond.toFixed(0)}/s, ${cpuMsPerThousand.toFixed(0)} ms CPU a 1,000 (database ${databaseCpuMsPerThousand.toFixed(0)}), ${medianMs.toFixed(2)} ms`;
}

/** Messages a second and CPU a message, beside the naive server. */
export const send: Scenario = async (bench) => {
  const { maxMessages: _bounded, rounds, seconds, sendCases, warmSeconds } = bench.sizes;
  const client = bench.client();
  const party = await serverParty(bench);
  const naive = await naiveParty(bench);
  const cases =
    bench.database.name === 'mariadb' || bench.options.quick
      ? sendCases
      : sendCases.filter(({ senders: count, sessions }) => sessions === 'many' && count !== 16);
  if (warmSeconds > 0) {
    for (const door of ['rest', 'socket'] as const) {
      for (const each of [party, naive]) {
        await measureSend(bench, client, each, { door, sessions: 'many', senders: 16 }, warmSeconds);
      }
    }
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const each of cases) {
      const [own, other] = await bothSides(
        round,
        () => measureSend(bench, client, party, each, seconds),
        () => measureSend(bench, client, naive, each, seconds),
      );
      const title = `${each.door}, ${each.senders} ${each.senders === 1 ? 'sender' : 'senders'}, ${each.sessions === 'hot' ? 'one hot session' : 'many sessions'}`;
      bench.say(`${title}: ${describe('server', own)} | ${describe('naive', other)}`);
      const comparison = { scenario: `send (${bench.database.name})`, title, against: 'naive' };
      bench.report.add(
        { ...comparison, unit: 'messages/s', target: targetOf(bench.database.name, each) },
        own.perSecond,
        other.perSecond,
      );
      bench.report.add(
        {
          ...comparison,
          unit: 'CPU ms/1,000',
          target:
            bench.database.name === 'mariadb' &&
            each.door === 'rest' &&
            each.senders === 64 &&
            each.sessions === 'many'
              ? { ratio: 0.3, is: 'at most' }
              : undefined,
        },
        own.cpuMsPerThousand,
        other.cpuMsPerThousand,
      );
    }
  }
};
