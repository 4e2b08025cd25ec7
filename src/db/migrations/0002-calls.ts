import { type SchemaStep } from '../migrate';
import { createIndex, createTable } from './ddl';

/** Calls: signalling only. Kept in the database, so that every call ends with its record whichever process dies. */
export const calls: SchemaStep = {
  async up(db, dialect) {
    const { time } = dialect.types;
    await createTable(db, dialect, 'calls', (builder) =>
      builder
        .addColumn('id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('open_session_id', 'varchar(128)')
        .addColumn('caller_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('caller_name', 'varchar(100)', (column) => column.notNull())
        .addColumn('callee_id', 'varchar(128)')
        .addColumn('media', 'varchar(10)', (column) => column.notNull())
        .addColumn('state', 'varchar(10)', (column) => column.notNull())
        .addColumn('rejected_by', dialect.types.longText as never, (column) => column.notNull())
        .addColumn('create_time', time, (column) => column.notNull())
        .addColumn('accept_time', time)
        .addColumn('end_time', time)
        .addColumn('result', 'varchar(10)')
        .addColumn('ring_until', time, (column) => column.notNull())
        .addColumn('caller_socket', 'varchar(128)', (column) => column.notNull())
        .addColumn('caller_until', time, (column) => column.notNull())
        .addColumn('callee_socket', 'varchar(128)')
        .addColumn('callee_until', time),
    );
    await createIndex(db, dialect, 'calls', 'calls_open', ['open_session_id'], { unique: true });
  },
};
