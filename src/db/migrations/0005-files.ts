import { type SchemaStep } from '../migrate';
import { createIndex, createTable } from './ddl';

/** Files that users upload, and which messages name them. */
export const files: SchemaStep = {
  async up(db, dialect) {
    const { bigint, time } = dialect.types;
    await createTable(db, dialect, 'files', (builder) =>
      builder
        .addColumn('id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('user_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('name', 'varchar(100)', (column) => column.notNull())
        .addColumn('mime', 'varchar(64)', (column) => column.notNull())
        .addColumn('size', bigint, (column) => column.notNull())
        .addColumn('width', 'integer')
        .addColumn('height', 'integer')
        .addColumn('duration', 'double precision')
        .addColumn('thumbnail_mime', 'varchar(64)')
        .addColumn('thumbnail_size', bigint)
        .addColumn('create_time', time, (column) => column.notNull())
        .addColumn('unnamed_since', time)
        .addColumn('state', 'varchar(10)', (column) => column.notNull().defaultTo('kept')),
    );
    // Finds what is to be deleted, and what one user has uploaded and not sent.
    await createIndex(db, dialect, 'files', 'files_unnamed', ['unnamed_since']);
    await createIndex(db, dialect, 'files', 'files_user', ['user_id', 'unnamed_since']);

    await createTable(db, dialect, 'message_files', (builder) =>
      builder
        .addColumn('file_id', 'varchar(64)', (column) => column.notNull())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('message_id', bigint, (column) => column.notNull())
        .addColumn('recalled', 'smallint', (column) => column.notNull().defaultTo(0))
        .addPrimaryKeyConstraint('message_files_key', ['file_id', 'session_id', 'message_id'] as never),
    );
    // Finds the files of messages that are taken back, deleted or exported.
    await createIndex(db, dialect, 'message_files', 'message_files_message', ['session_id', 'message_id']);
  },
};
