import { type SchemaStep } from '../migrate';
import { addColumn, createIndex, createTable } from './ddl';

/** What the platform's webhook hears, and topics that wait too long for a reply. */
export const webhooks: SchemaStep = {
  async up(db, dialect) {
    const { bigint, longText, time } = dialect.types;
    await createTable(db, dialect, 'webhook_events', (builder) =>
      builder
        .addColumn('id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('type', 'varchar(32)', (column) => column.notNull())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('sequence', bigint, (column) => column.notNull())
        .addColumn('state', 'varchar(10)', (column) => column.notNull().defaultTo('pending'))
        .addColumn('turn', 'smallint', (column) => column.notNull().defaultTo(3))
        .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('last_error', 'varchar(255)')
        .addColumn('create_time', time, (column) => column.notNull())
        .addColumn('update_time', time, (column) => column.notNull())
        .addColumn('due_time', time)
        .addColumn('claimed_by', 'varchar(64)')
        .addColumn('message_id', bigint)
        .addColumn('topic_id', 'varchar(128)')
        .addColumn('details', longText as never),
    );
    // What waits behind others of its session has no due time: so a session that is stuck takes one place in this index.
    await createIndex(db, dialect, 'webhook_events', 'webhook_events_due', ['state', 'due_time']);
    // Finds whose turn it is in a session.
    const inSession = ['session_id', 'state', 'turn', 'sequence'];
    await createIndex(db, dialect, 'webhook_events', 'webhook_events_session', inSession);
    await addColumn(db, dialect, 'sessions', 'event_sequence', bigint, (column) =>
      column.notNull().defaultTo(0),
    );

    await addColumn(db, dialect, 'topics', 'overdue_time', time);
    await createIndex(db, dialect, 'topics', 'topics_waiting', [
      'status',
      'reply',
      'overdue_time',
      'create_time',
    ]);
  },
};
