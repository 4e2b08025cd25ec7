import { sql } from 'kysely';
import { type SchemaStep } from '../migrate';
import { addColumn, createIndex, createTable } from './ddl';

/** Phones that pushes go to, and what a push's notice needs. */
export const devices: SchemaStep = {
  async up(db, dialect) {
    const { time } = dialect.types;
    await createTable(db, dialect, 'devices', (builder) =>
      builder
        .addColumn('client_id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('user_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('platform', 'varchar(10)', (column) => column.notNull())
        .addColumn('in_background', 'integer', (column) => column.notNull())
        .addColumn('state', 'varchar(10)', (column) => column.notNull())
        .addColumn('token_id', 'varchar(64)')
        .addColumn('update_time', time, (column) => column.notNull()),
    );
    await createIndex(db, dialect, 'devices', 'devices_user', ['user_id']);
    await createIndex(db, dialect, 'devices', 'devices_token', ['token_id']);

    await addColumn(db, dialect, 'notices', 'client_id', sql`varchar(64)`);
    await addColumn(db, dialect, 'notices', 'request_id', sql`varchar(64)`);
    await addColumn(db, dialect, 'notices', 'task_id', sql`varchar(128)`);
    await addColumn(db, dialect, 'notices', 'resend_time', time);
    await addColumn(db, dialect, 'notices', 'fallback_time', time);
    // Finds a message's notices of somebody, of which there is one a phone now, and what waits of a session's, however much of it was
    // sent. Statements hint at the index by its name.
    const columns = ['user_id', 'session_id', 'state', 'message_id'];
    await dialect.replaceIndex(db, 'notices', 'notices_message', columns);
  },
};
