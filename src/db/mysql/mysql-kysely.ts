import { MysqlAdapter, MysqlDialect } from 'kysely';

/** Migrations have a lease of their own, see `migrate`: Kysely's GET_LOCK holds on one node of a cluster, and some forbid it. */
class LocklessMysqlAdapter extends MysqlAdapter {
  override acquireMigrationLock(): Promise<void> {
    return Promise.resolve();
  }

  override releaseMigrationLock(): Promise<void> {
    return Promise.resolve();
  }
}

export class LocklessMysqlDialect extends MysqlDialect {
  override createAdapter() {
    return new LocklessMysqlAdapter();
  }
}
