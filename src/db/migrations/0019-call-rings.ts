import { type SchemaStep } from '../migrate';
import { createTable } from './ddl';

/** Who was rung: a call goes on as long as one of these has not said no. */
export const callRings: SchemaStep = {
  async up(db, dialect) {
    await createTable(db, dialect, 'call_rings', (builder) =>
      builder
        .addColumn('call_id', 'varchar(64)', (column) => column.notNull())
        .addColumn('user_id', 'varchar(128)', (column) => column.notNull())
        .addPrimaryKeyConstraint('call_rings_key', ['call_id', 'user_id']),
    );
  },
};
