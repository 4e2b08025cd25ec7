import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, Migrator } from 'kysely';
import { describeError, log } from '../logger';
import { repeat } from '../repeat';
import { type Database } from './database';
import { type Dialect } from './dialect';
import { Lease } from './lease';
import { checkRestored } from './restore-mark';
import { initial } from './migrations/0001-initial';
import { firstReply } from './migrations/0002-first-reply';
import { webhooks } from './migrations/0003-webhooks';
import { recalls } from './migrations/0004-recalls';
import { files } from './migrations/0005-files';
import { devices } from './migrations/0006-devices';
import { callRings } from './migrations/0019-call-rings';
import { noticesWaiting } from './migrations/0020-notices-waiting';
import { columnDefaults } from './migrations/0021-column-defaults';
import { createServerState } from './migrations/ddl';

/** A step of the schema's history. It may be cut off anywhere and run again: MySQL commits each DDL statement by itself. */
export interface SchemaStep {
  up(db: Kysely<unknown>, dialect: Dialect): Promise<void>;
}

/** In order, never changed once released; a name that has run is remembered in the table `kysely_migration`. */
export const SCHEMA_STEPS: Readonly<Record<string, SchemaStep>> = {
  '0001-initial': initial,
  '0002-first-reply': firstReply,
  '0003-webhooks': webhooks,
  '0004-recalls': recalls,
  '0005-files': files,
  '0006-devices': devices,
  '0019-call-rings': callRings,
  '0020-notices-waiting': noticesWaiting,
  '0021-column-defaults': columnDefaults,
};

/** How long a process that died keeps the others from the schema; one that lives renews its lease. */
const LEASE_MS = 10_000;
const RENEW_MS = 2_000;
const WAIT_MS = 200;

/**
 * Brings the schema up to date. Safe to call from several processes at once: one works, the others wait and find it done.
 * @returns the names of the steps that ran
 * @throws UnfinishedRestore
 */
export async function migrate(database: Database): Promise<string[]> {
  await checkRestored(database);
  return database.dialect.hasTransactionalDdl ? migrateAlone(database) : withLease(database);
}

/**
 * A lease in a table holds on all nodes of a cluster. (MySQL's GET_LOCK holds on one node, and clusters forbid it.)
 */
async function withLease(database: Database): Promise<string[]> {
  await createServerState(database.kysely as unknown as Kysely<unknown>, database.dialect);
  const lease = new Lease(database, 'migrations', randomUUID());
  while (!(await lease.take(LEASE_MS))) await sleep(WAIT_MS);
  const end = repeat(RENEW_MS, async () => {
    // A step that goes on without its lease is safe to run twice.
    await lease.hold(LEASE_MS).catch((error: unknown) => {
      log.warn(`the lease of the migrations could not be renewed: ${describeError(error)}`);
    });
  });
  try {
    return await migrateAlone(database);
  } finally {
    end();
    await lease.hold(0);
  }
}

async function migrateAlone({ dialect, kysely }: Database): Promise<string[]> {
  const steps = Object.entries(SCHEMA_STEPS).map(([name, step]) => [
    name,
    { up: (db: Kysely<unknown>) => step.up(db, dialect) },
  ]);
  const migrations = Object.fromEntries(steps) as Record<string, { up(db: Kysely<unknown>): Promise<void> }>;
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error as Error;
  return (results ?? []).map((result) => result.migrationName);
}
