import { isInstalled, openBenchDatabase } from './bench-database';
import { builtChildren, builtServer } from './build';
import {
  type BenchOptions,
  type DatabaseName,
  DATABASES,
  readOptions,
  type ScenarioName,
  USAGE,
} from './options';
import { Report } from './report';
import { Bench, type Scenario } from './scenario';
import { cluster } from './scenarios/cluster';
import { fanout } from './scenarios/fanout';
import { idle } from './scenarios/idle';
import { latency } from './scenarios/latency';
import { outboxes } from './scenarios/outboxes';
import { profile } from './scenarios/profile';
import { reads } from './scenarios/reads';
import { send } from './scenarios/send';

/** `npm run bench`: the server beside its yardsticks; see options.ts. Exit status 1: something was lost, doubled or out of order. */

/** Several names may stand for one scenario, which then runs once. */
const SCENARIOS: Record<ScenarioName, Scenario> = {
  send,
  latency,
  fanout,
  idle,
  history: reads,
  unread: reads,
  list: reads,
  cluster,
  outboxes,
};

/** Nothing here may run for ever. */
const LIMIT_MS = { quick: 150_000, full: 3_600_000 };

/** MariaDB for everything, all for sending; in a quick run for whatever reads or writes in the database. */
function databasesOf(scenario: Scenario, { databases, quick }: BenchOptions): readonly DatabaseName[] {
  const onAll = scenario === send || (quick && (scenario === latency || scenario === reads));
  return databases ?? (onAll ? DATABASES : ['mariadb']);
}

/** Only MySQL may be missing where all else is demanded: apt-get has none. */
function isDemanded(name: DatabaseName): boolean {
  return process.env[name === 'mysql' ? 'IM_TEST_REQUIRE_MYSQL' : 'IM_TEST_REQUIRE_ALL'] === '1';
}

async function runOn(
  name: DatabaseName,
  chosen: readonly [title: string, scenario: Scenario][],
  options: BenchOptions,
  report: Report,
  programs: { server: string; children: string },
): Promise<void> {
  if (!isInstalled(name)) {
    const text = `${name} is not installed: ${chosen.map(([title]) => title).join(', ')} skipped there`;
    if (isDemanded(name)) report.fault(name, [text]);
    else report.note(text);
    return;
  }
  const database = await openBenchDatabase(name);
  report.databases.push(database.version);
  try {
    for (const [title, scenario] of chosen) {
      const since = performance.now();
      console.log(`${title} (${database.version})`);
      const bench = new Bench(options, report, database, programs.server, programs.children);
      try {
        await scenario(bench);
      } catch (error) {
        report.fault(`${title} (${name})`, [
          error instanceof Error ? (error.stack ?? error.message) : String(error),
        ]);
      } finally {
        await bench.end();
      }
      console.log(`  took ${((performance.now() - since) / 1000).toFixed(0)} s`);
    }
  } finally {
    await database.remove();
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  const limit = options.quick ? LIMIT_MS.quick : LIMIT_MS.full;
  setTimeout(() => {
    console.error(`the benchmark did not end in ${limit / 1000} s`);
    process.exit(1);
  }, limit).unref();
  const programs = {
    server: options.dist === undefined ? builtServer() : `${options.dist}/app.js`,
    children: builtChildren(),
  };
  const report = new Report();
  const scenarios: [string, Scenario][] = options.profile
    ? [['profile', profile]]
    : [...new Set(options.only.map((name) => SCENARIOS[name]))].map((scenario) => [
        options.only.filter((name) => SCENARIOS[name] === scenario).join(', '),
        scenario,
      ]);
  for (const name of DATABASES) {
    const chosen = scenarios.filter(([, scenario]) => databasesOf(scenario, options).includes(name));
    if (chosen.length > 0) await runOn(name, chosen, options, report, programs);
  }

  if (!options.quick && !options.profile) {
    console.log(`\n${report.table()}`);
    console.log(
      'Ratios are the server divided by what stands beside it, medians of the rounds; only they mean anything.',
    );
  }
  for (const note of report.notes) console.log(`note: ${note}`);
  if (options.json !== undefined) {
    report.save(options.json, options);
    console.log(`All figures: ${options.json}`);
  }
  for (const fault of report.faults) console.error(`FAULT: ${fault}`);
  console.log(
    report.faults.length === 0
      ? 'Nothing was lost, doubled or out of order.'
      : `${report.faults.length} faults.`,
  );
  return report.faults.length === 0 ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
