import { sql } from 'kysely';
import { type SchemaStep } from '../migrate';
import { addColumns, createIndex, createTable } from './ddl';

const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'];

/** Messages that are taken back, and messages that quote others. What each column holds is said in `schema.ts`. */
export const recalls: SchemaStep = {
  async up(db, dialect) {
    const { bigint, longText, time } = dialect.types;

    await createTable(db, dialect, 'recalls', (builder) =>
      builder
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('id', bigint, (column) => column.notNull())
        .addColumn('message_id', bigint, (column) => column.notNull())
        .addColumn('recalled_by', 'varchar(128)', (column) => column.notNull())
        .addColumn('recalled_time', time, (column) => column.notNull())
        .addPrimaryKeyConstraint('recalls_key', ['session_id', 'id'] as never),
    );
    // A message is taken back once; also finds what retention deletes with it.
    await createIndex(db, dialect, 'recalls', 'recalls_message', ['session_id', 'message_id'], true);
    await createTable(db, dialect, 'recalled_messages', (builder) =>
      builder
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('message_id', bigint, (column) => column.notNull())
        .addColumn('content', longText as never, (column) => column.notNull())
        .addPrimaryKeyConstraint('recalled_messages_key', ['session_id', 'message_id'] as never),
    );
    await addColumns(db, dialect, 'sessions', { last_recall_id: sql`bigint not null default 0` });

    for (const table of MESSAGE_TABLES) {
      await addColumns(db, dialect, table, {
        recalled_by: sql`varchar(128)`,
        recalled_time: time,
        reply_to: sql`bigint`,
        reply_sender_id: sql`varchar(128)`,
        reply_sender_name: sql`varchar(100)`,
        reply_type: sql`smallint`,
      });
      await dialect.dropNotNull(db, table, 'content');
    }
  },
};
