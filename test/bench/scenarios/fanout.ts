import { type FanoutTask } from '../client/tasks';
import { type LoadProcess } from '../load-process';
import { account, Population, user } from '../population';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { type BenchServer } from '../servers';
import { percentile } from '../statistics';

/** Messages of one room on their way at once: enough that server and client both always have something to do. */
const WINDOW = 4;
const MAX_MESSAGES = 5_000;

interface Shape {
  rooms: number;
  sockets: number;
}

/** A room's users: the sender, one patient, and doctors. */
function usersOf(shape: Shape, room: number): string[] {
  const name = `${shape.rooms}x${shape.sockets}-${room}`;
  return [
    `Dsender${name}`,
    `P${name}`,
    ...Array.from({ length: shape.sockets - 1 }, (_none, index) => `D${name}-${index}`),
  ];
}

function rooms(shape: Shape) {
  return Array.from({ length: shape.rooms }, (_none, room) => ({
    id: `room${shape.rooms}x${shape.sockets}-${room}`,
    participants: usersOf(shape, room),
  }));
}

function plans(
  shape: Shape,
  { port }: BenchServer,
  tokens: ReadonlyMap<string, string>,
): FanoutTask['rooms'] {
  return rooms(shape).map(({ id, participants: [sender = '', ...receivers] }) => ({
    sender: { ...account(port, sender, tokens), sessionId: id },
    receivers: receivers.map((each) => ({ ...account(port, each, tokens), sessionId: id })),
  }));
}

interface Figures {
  pushesPerSecond: number;
  cpuMsPerThousand: number;
  medianMs: number;
  faults: string[];
}

async function measure(
  bench: Bench,
  client: LoadProcess,
  server: BenchServer,
  plan: FanoutTask['rooms'],
  seconds: number,
): Promise<Figures> {
  const ms = seconds * 1000;
  const {
    cpuMs,
    faults,
    latencies,
    ms: took,
    pushes,
  } = await client.run(
    {
      kind: 'fanout',
      rooms: plan,
      run: bench.nextRun(),
      window: WINDOW,
      ms,
      maxMessages: MAX_MESSAGES,
      pids: [server.pid],
    },
    ms + 90_000,
  );
  return {
    pushesPerSecond: (pushes / took) * 1000,
    cpuMsPerThousand: ((cpuMs[0] ?? NaN) / pushes) * 1000,
    medianMs: percentile(latencies, 0.5),
    faults,
  };
}

/** Pushes to many sockets beside a bare ws broadcast; each of the server's messages is stored before. */
export const fanout: Scenario = async (bench) => {
  const client = bench.client();
  const server = await bench.server(await bench.tables());
  const raw = await bench.rawServer();
  for (const shape of bench.sizes.fanout) {
    const users = rooms(shape).flatMap(({ participants }) => participants.map(user));
    const tokens = await Population.of(server, async (population) => {
      await population.users(users);
      await population.sessions(rooms(shape));
      return await population.tokens(users);
    });
    const side = (each: BenchServer, seconds: number) =>
      measure(bench, client, each, plans(shape, each, tokens), seconds);
    if (bench.sizes.warmSeconds > 0)
      for (const each of [server, raw]) await side(each, bench.sizes.warmSeconds);
    for (let round = 0; round < bench.sizes.rounds; round += 1) {
      const [own, other] = await bothSides(
        round,
        () => side(server, bench.sizes.seconds),
        () => side(raw, bench.sizes.seconds),
      );
      const title = `${shape.rooms === 1 ? 'one session' : `${shape.rooms} sessions`} of ${shape.sockets} sockets`;
      bench.say(
        `${title}: ${own.pushesPerSecond.toFixed(0)} pushes/s (ws ${other.pushesPerSecond.toFixed(0)}), ${own.cpuMsPerThousand.toFixed(2)} ms CPU a 1,000 (${other.cpuMsPerThousand.toFixed(2)}), to the last socket ${own.medianMs.toFixed(1)} ms (${other.medianMs.toFixed(1)})`,
      );
      bench.report.fault(`fanout, ${title}`, own.faults.slice(0, 3));
      const common = { scenario: `fanout (${bench.database.name})`, title, against: 'raw ws' };
      bench.report.add(
        {
          ...common,
          unit: 'pushes/s',
          target: shape.rooms === 1 ? { ratio: 0.9, is: 'at least' } : undefined,
        },
        own.pushesPerSecond,
        other.pushesPerSecond,
      );
      bench.report.add({ ...common, unit: 'CPU ms/1,000' }, own.cpuMsPerThousand, other.cpuMsPerThousand);
    }
  }
};
