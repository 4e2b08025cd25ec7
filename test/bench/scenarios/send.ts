import { type Sizes } from '../options';
import { type LoadProcess } from '../load-process';
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

/** What has to be reached in messages a second, by REST and by socket, beside the naive server by REST. */
function targetOf(database: string, { door, sessions, senders: count }: SendCase): Target | undefined {
  const atLeast = (ratio: number): Target => ({ ratio, is: 'at least' });
  if (database === 'sqlite')
    return door === 'rest' && count === 64 && sessions === 'many' ? atLeast(2.5) : undefined;
  if (door === 'socket') return count === 64 && sessions === 'many' ? atLeast(3.2) : undefined;
  if (count === 64) return atLeast(sessions === 'hot' ? 3.3 : 2.8);
  return count === 1 ? atLeast(0.75) : undefined;
}

interface Figures {
  perSecond: number;
  cpuMsPerThousand: number;
  /** Undefined where the database has no process that we know. */
  databaseCpuMsPerThousand: number | undefined;
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
  const pids = [party.server.pid, ...(bench.database.pid === undefined ? [] : [bench.database.pid])];
  const ms = seconds * 1000;
  const { maxMessages } = bench.sizes;
  const result = await checked(bench, party, `send ${count} ${sessions} ${door}`, cast, (run) =>
    client.run({ kind: 'send', door, ...cast, run, ms, maxMessages, pids }, ms + 40_000),
  );
  const messages = accepted(result);
  return {
    perSecond: (messages / result.ms) * 1000,
    cpuMsPerThousand: ((result.cpuMs[0] ?? NaN) / messages) * 1000,
    databaseCpuMsPerThousand: result.cpuMs[1] === undefined ? undefined : (result.cpuMs[1] / messages) * 1000,
    medianMs: percentile(result.latencies, 0.5),
  };
}

function describe(
  name: string,
  { cpuMsPerThousand, databaseCpuMsPerThousand, medianMs, perSecond }: Figures,
): string {
  const database =
    databaseCpuMsPerThousand === undefined ? '' : ` (database ${databaseCpuMsPerThousand.toFixed(0)})`;
  return `${name} ${perSecond.toFixed(0)}/s, ${cpuMsPerThousand.toFixed(0)} ms CPU a 1,000${database}, ${medianMs.toFixed(2)} ms`;
}

/** Puts a round's figures into the report. @param door of the naive server */
function compare(bench: Bench, each: SendCase, door: SendCase['door'], own: Figures, naive: Figures): void {
  const { database, report } = bench;
  const { senders: count, sessions } = each;
  const title = titleOf(each);
  bench.say(`${title}: ${describe('server', own)} | ${describe(`naive (${door})`, naive)}`);
  const comparison = { scenario: `send (${database.name})`, title, against: `naive (${door})` };
  // The naive server of the issue takes messages by POST alone.
  const target = door === 'rest' ? targetOf(database.name, each) : undefined;
  const judgesCpu = database.name !== 'sqlite' && each.door === 'rest' && count === 64 && sessions === 'many';
  report.add({ ...comparison, unit: 'messages/s', target }, own.perSecond, naive.perSecond);
  report.add(
    { ...comparison, unit: 'CPU ms/1,000', target: judgesCpu ? { ratio: 0.25, is: 'at most' } : undefined },
    own.cpuMsPerThousand,
    naive.cpuMsPerThousand,
  );
}

function titleOf({ door, senders: count, sessions }: SendCase): string {
  return `${door}, ${count} ${count === 1 ? 'sender' : 'senders'}, ${sessions === 'hot' ? 'one hot session' : 'many sessions'}`;
}

/** Messages a second and CPU a message, beside the naive server, and by socket also beside one that takes them by socket. */
export const send: Scenario = async (bench) => {
  const { rounds, seconds, sendCases, warmSeconds } = bench.sizes;
  const client = bench.client();
  const party = await serverParty(bench);
  const naive = await naiveParty(bench);
  const cases =
    bench.database.name !== 'sqlite' || bench.options.quick
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
      const naiveBy = (door: SendCase['door']) =>
        measureSend(bench, client, naive, { ...each, door }, seconds);
      const nearest = bench.options.quick ? each.door : 'rest';
      const [own, other] = await bothSides(
        round,
        () => measureSend(bench, client, party, each, seconds),
        () => naiveBy(nearest),
      );
      compare(bench, each, nearest, own, other);
      if (each.door !== nearest) compare(bench, each, each.door, own, await naiveBy(each.door));
    }
  }
};
