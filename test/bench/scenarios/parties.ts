import { checkNotices, checkReceived, checkStored, type MessageTable, newestId } from '../checks';
import { type ReceiverPlan, type SenderPlan, type SendResult } from '../client/tasks';
import { account, Population, user } from '../population';
import { type Bench } from '../scenario';
import { APP_KEY, type BenchServer } from '../servers';

const SESSIONS_A_DOCTOR = 4;
export const HOT_SESSION = 'hot';

/** A server that takes messages, and who is there: doctors with four sessions each, one patient a session, and one session of all. */
export interface Party {
  name: 'server' | 'naive';
  server: BenchServer;
  messages: MessageTable;
  /** Empty for the naive server. */
  tokens: ReadonlyMap<string, string>;
}

function doctor(index: number): string {
  return `D${index}`;
}

/** The sessions of a doctor. */
function sessionsOf(index: number, doctors: number): string[] {
  return Array.from({ length: SESSIONS_A_DOCTOR }, (_none, turn) => `s${index + turn * doctors}`);
}

function allSessions(count: number) {
  const doctors = Array.from({ length: count }, (_none, index) => doctor(index));
  return [
    ...doctors.flatMap((id, index) =>
      sessionsOf(index, count).map((session) => ({
        id: session,
        participants: [id, `P${session.slice(1)}`],
      })),
    ),
    { id: HOT_SESSION, participants: [...doctors, 'P0'] },
  ];
}

/** Makes the users and sessions of `server` and logs everybody in. */
export async function populate(
  { sizes }: Bench,
  server: BenchServer,
  hasPhones = false,
): Promise<Map<string, string>> {
  const sessions = allSessions(sizes.doctors);
  const users = [...new Set(sessions.flatMap(({ participants }) => participants))].map(user);
  return await Population.of(server, async (population) => {
    await population.users(users);
    await population.sessions(sessions);
    return await population.tokens(users, hasPhones);
  });
}

export async function serverParty(
  bench: Bench,
  { hasPhones, settings }: { hasPhones?: boolean; settings?: Record<string, string> } = {},
): Promise<Party> {
  const tables = await bench.tables();
  const server = await bench.server(tables, settings === undefined ? {} : { settings });
  return {
    name: 'server',
    server,
    messages: { tables, name: 'muc_messages' },
    tokens: await populate(bench, server, hasPhones),
  };
}

export async function naiveParty(bench: Bench): Promise<Party> {
  const tables = await bench.tables();
  const server = await bench.naiveServer(tables);
  for (const { id } of allSessions(bench.sizes.doctors)) {
    await tables.run('insert into sessions (id, name) values (?, ?)', [id, `会话${id}`]);
  }
  return { name: 'naive', server, messages: { tables, name: 'messages' }, tokens: new Map() };
}

export interface Cast {
  senders: SenderPlan[];
  receivers: ReceiverPlan[];
}

/** `count` doctors who send, in their own sessions or in the hot one. */
export function senders(
  bench: Bench,
  { server, tokens }: Party,
  sessions: 'many' | 'hot',
  count: number,
): SenderPlan[] {
  return Array.from({ length: count }, (_none, index) => ({
    ...account(server.port, doctor(index), tokens),
    appKey: bench.options.as === 'backend' ? APP_KEY : undefined,
    sessions: sessions === 'hot' ? [HOT_SESSION] : sessionsOf(index, bench.sizes.doctors),
  }));
}

/** The patient of a session, with a socket bound to it. */
export function receiver({ server, tokens }: Party, session: string): ReceiverPlan {
  const patient = session === HOT_SESSION ? 'P0' : `P${session.slice(1)}`;
  return { ...account(server.port, patient, tokens), sessionId: session };
}

/** Runs `load` and checks afterwards, outside of what is measured, that nothing was lost, doubled or out of order. */
export async function checked(
  bench: Bench,
  party: Pick<Party, 'name' | 'messages'>,
  title: string,
  cast: Cast,
  load: (run: string) => Promise<SendResult>,
): Promise<SendResult> {
  const run = bench.nextRun();
  const after = await newestId(party.messages);
  const result = await load(run);
  const arrivals = checkReceived(cast.senders, result.ids, cast.receivers, result.received);
  const faults = [
    ...result.faults.slice(0, 3),
    ...(await checkStored(party.messages, after, run, cast.senders, result.ids)),
    ...arrivals.lostOrDoubled,
  ];
  const where = `${bench.database.name}, ${title}, ${party.name}`;
  if (party.name === 'server') {
    bench.report.fault(where, [...faults, ...(await checkNotices(party.messages, after, 1))]);
    if (arrivals.outOfOrder > 0)
      bench.report.fault(where, [`${arrivals.outOfOrder} messages came out of order`]);
  } else {
    for (const fault of faults) bench.report.note(`${where}: ${fault}`);
    if (arrivals.outOfOrder > 0) bench.report.note(`${where}: messages came out of order`);
  }
  return result;
}

export function accepted({ ids }: Pick<SendResult, 'ids'>): number {
  return ids.reduce((sum, own) => sum + own.filter((id) => id !== 0).length, 0);
}
