import { setTimeout as sleep } from 'node:timers/promises';
import { type ReceiverPlan } from '../client/tasks';
import { openFilesLimit } from '../process-usage';
import { account, Population, user } from '../population';
import { type Bench, bothSides, type Scenario } from '../scenario';
import { type BenchServer } from '../servers';
import { type LoadProcess } from '../load-process';

/** Files that a server has open beside its sockets, generously. */
const OTHER_FILES = 500;
const LOGINS_AT_ONCE = 32;
const HOLD_LIMIT_MS = 120_000;
const SETTLE_MS = 700;
/** Of the sockets, so many get a message in the end. */
const MESSAGES = 100;

/** The memory of a server after its garbage was collected, in KiB. */
async function settledKib(bench: Bench, server: BenchServer): Promise<number> {
  if (bench.options.quick) return server.residentKib();
  for (let turn = 0; turn < 2; turn += 1) {
    process.kill(server.pid, 'SIGUSR2');
    await sleep(SETTLE_MS);
  }
  return server.residentKib();
}

/** @returns KiB a socket */
async function measure(
  bench: Bench,
  clients: readonly LoadProcess[],
  server: BenchServer,
  accounts: readonly ReceiverPlan[],
  whileOpen: () => Promise<number[]> = () => Promise.resolve([]),
): Promise<number> {
  const before = await settledKib(bench, server);
  const part = Math.ceil(accounts.length / clients.length);
  const opened = await Promise.all(
    clients.map((client, index) =>
      client.run(
        {
          kind: 'hold',
          accounts: accounts.slice(index * part, (index + 1) * part),
          concurrency: LOGINS_AT_ONCE,
        },
        HOLD_LIMIT_MS,
      ),
    ),
  );
  const perSocket = ((await settledKib(bench, server)) - before) / accounts.length;
  bench.report.fault('idle', [...new Set(opened.flatMap(({ faults }) => faults))].slice(0, 3));
  const sent = await whileOpen();
  const released = await Promise.all(
    clients.map((client, index) => {
      // Message n went to the n-th account's session.
      const expected = sent.filter((_id, n) => Math.floor(n / part) === index).length;
      return client.run({ kind: 'release', expected }, HOLD_LIMIT_MS);
    }),
  );
  const received = Object.assign({}, ...released.map((each) => each.received)) as Record<string, number[]>;
  const wrong = sent.filter((id, n) => {
    const got = received[accounts[n]?.sessionId ?? ''] ?? [];
    return got.length !== 1 || got[0] !== id;
  });
  if (wrong.length > 0)
    bench.report.fault('idle', [`${wrong.length} of ${sent.length} messages did not come once`]);
  const closed = released.reduce((sum, { closedEarly }) => sum + closedEarly, 0);
  if (closed > 0) bench.report.fault('idle', [`${closed} sockets were closed by the server`]);
  return perSocket;
}

/** What a socket that does nothing costs in memory: patients, each bound to a session of its own, beside bare ws. */
export const idle: Scenario = async (bench) => {
  const wanted = bench.sizes.idleSockets;
  const count = Math.min(wanted, openFilesLimit() - OTHER_FILES);
  if (count < wanted)
    bench.report.note(`idle: ${count} sockets, since a process may open no more files (ulimit -n)`);
  const tables = await bench.tables();
  const sessions = Array.from({ length: count }, (_none, index) => ({
    id: `i${index}`,
    participants: [`D${index % 100}`, `P${index}`],
  }));
  const patients = sessions.map((_session, index) => user(`P${index}`));
  const filling = await bench.server(tables);
  const tokens = await Population.of(filling, async (population) => {
    await population.users([
      ...Array.from({ length: Math.min(100, count) }, (_none, index) => user(`D${index}`)),
      ...patients,
    ]);
    await population.sessions(sessions);
    return await population.tokens(patients);
  });
  await filling.stop();

  const accounts = ({ port }: BenchServer): ReceiverPlan[] =>
    sessions.map(({ id }, index) => ({ ...account(port, `P${index}`, tokens), sessionId: id }));
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    const clients = [bench.client(), bench.client()];
    const [own, other] = await bothSides(
      round,
      async () => {
        const server = await bench.server(tables, { measuresMemory: true });
        const kib = await measure(bench, clients, server, accounts(server), () =>
          Population.of(server, (population) =>
            population.messages(
              sessions
                .slice(0, MESSAGES)
                .map(({ id, participants }) => ({ sessionId: id, senderId: participants[0] ?? '' })),
            ),
          ),
        );
        await server.stop();
        return kib;
      },
      async () => {
        const raw = await bench.rawServer({ measuresMemory: true });
        const kib = await measure(bench, clients, raw, accounts(raw));
        await raw.stop();
        return kib;
      },
    );
    await Promise.all(clients.map((client) => client.stop()));
    const title = `memory a socket at ${count.toLocaleString('en-US')}`;
    bench.say(`${title}: ${own.toFixed(2)} KiB (ws ${other.toFixed(2)})`);
    bench.report.add(
      {
        scenario: `idle (${bench.database.name})`,
        title,
        unit: 'KiB',
        against: 'raw ws',
        target: { ratio: 2, is: 'at most' },
      },
      own,
      other,
    );
  }
};
