import { copyFileSync, mkdirSync } from 'node:fs';
import { temporaryFolder } from '../../support/processes';
import { type Tables } from '../bench-database';
import { profileText, readProfile, summarise } from '../cpu-profile';
import { type Bench, type Scenario } from '../scenario';
import { accepted, checked, HOT_SESSION, type Party, populate, receiver, senders } from './parties';

const KEPT_IN = 'data';

const microseconds = () => Number(process.hrtime.bigint() / 1000n);

/** Transactions that the database has committed so far; SQLite does not count them. */
async function commits(bench: Bench, tables: Tables): Promise<number> {
  if (bench.database.name === 'sqlite') return 0;
  const [row] = await tables.rows("show global status like 'Com_commit'");
  return Number(row?.Value);
}

/** Where the server's time goes while every doctor sends: profiled by Node itself, without its start and its filling. */
export const profile: Scenario = async (bench) => {
  const { door } = bench.options;
  const tables = await bench.tables();
  const filling = await bench.server(tables);
  const tokens = await populate(bench, filling);
  await filling.stop();

  const folder = temporaryFolder('im-bench-');
  const server = await bench.server(tables, { flags: ['--cpu-prof', '--cpu-prof-dir', folder] });
  const party: Party = { name: 'server', server, tokens, messages: { tables, name: 'muc_messages' } };
  const client = bench.client();
  const measure = async (sessions: 'many' | 'hot', seconds: number) => {
    const cast = {
      senders: senders(bench, party, sessions, bench.sizes.doctors),
      receivers: [receiver(party, sessions === 'hot' ? HOT_SESSION : 's0')],
    };
    const ms = seconds * 1000;
    const { maxMessages } = bench.sizes;
    const before = await commits(bench, tables);
    const from = microseconds();
    let to = from;
    const result = await checked(bench, party, `profile ${sessions}`, cast, async (run) => {
      const done = await client.run(
        { kind: 'send', door, ...cast, run, ms, maxMessages, pids: [] },
        ms + 60_000,
      );
      to = microseconds();
      return done;
    });
    const after = await commits(bench, tables);
    return { from, to, messages: accepted(result), commits: after - before, sessions };
  };
  await measure('many', bench.sizes.warmSeconds);
  const windows = [await measure('many', bench.sizes.seconds), await measure('hot', bench.sizes.seconds)];
  await server.stop();
  await client.stop();

  const { file, profile: found } = readProfile(folder);
  mkdirSync(KEPT_IN, { recursive: true });
  const kept = `${KEPT_IN}/bench-${bench.database.name}-${door}.cpuprofile`;
  copyFileSync(file, kept);
  for (const { commits: committed, from, messages, sessions, to } of windows) {
    console.log(
      `\n=== ${bench.database.name}, ${door}, ${bench.sizes.doctors} senders, ${sessions === 'hot' ? 'one hot session' : 'many sessions'}`,
    );
    if (committed > 0) console.log(`${(messages / committed).toFixed(1)} messages a commit`);
    console.log(profileText(summarise(found, from, to), messages));
  }
  console.log(`\nThe whole profile, for a browser's developer tools: ${kept}`);
};
