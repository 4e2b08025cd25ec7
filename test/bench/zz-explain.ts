import { openBenchDatabase } from './bench-database';
import { builtChildren } from './build';
import { readOptions } from './options';
import { Report } from './report';
import { Bench } from './scenario';
import { measureSend } from './scenarios/send';
import { serverParty } from './scenarios/parties';
import { cpSync, readFileSync } from 'node:fs';

async function main() {
  const options = readOptions(['--quick', '--dist', process.argv[2]!])!;
  const database = await openBenchDatabase('mariadb');
  const bench = new Bench(options, new Report(), database, `${process.argv[2]}/app.js`, builtChildren());
  const party = await serverParty(bench);
  const client = bench.client();
  const t = party.messages.tables;
  console.log(await measureSend(bench, client, party, { door: 'rest', sessions: 'many', senders: 64 }, 3));
  console.log(await measureSend(bench, client, party, { door: 'rest', sessions: 'many', senders: 1 }, 2));
  await t.run("set global slow_query_log_file='/tmp/benchwork/slow.log'");
  await t.run('set global log_slow_verbosity="query_plan,explain"');
  await t.run('set global long_query_time=0');
  await t.run('set global slow_query_log=1');
  await t.run('flush logs');
  // new connections needed: long_query_time is per session
  await new Promise((r) => setTimeout(r, 100));
  console.log(await t.rows('show global variables like "long_query_time"'));
  const server = await bench.server(t);
  const party2 = { ...party, server };
  console.log(await measureSend(bench, client, party2, { door: 'rest', sessions: 'many', senders: 64 }, 1));
  console.log('=== ONE');
  console.log(await measureSend(bench, client, party2, { door: 'rest', sessions: 'many', senders: 1 }, 1));
  cpSync('/tmp/benchwork/slow.log', '/tmp/benchwork/slow.txt');
  await bench.end();
  await database.remove();
  console.log(bench.report.faults);
  process.exit(0);
}
void main();
