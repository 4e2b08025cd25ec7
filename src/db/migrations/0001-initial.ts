import { type SchemaStep } from '../migrate';
import { createIndex, createServerState, createTable, type TableBuilder } from './ddl';

const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'];

/** The first schema. What each column holds is said in `schema.ts`. */
export const initial: SchemaStep = {
  async up(db, dialect) {
    const { bigint, date, id, longText, time } = dialect.types;

    const table = (name: string, columns: (builder: TableBuilder) => TableBuilder) =>
      createTable(db, dialect, name, columns);
    const index = (tableName: string, name: string, columns: readonly string[], unique = false) =>
      createIndex(db, dialect, tableName, name, columns, unique);

    // --- Users. The platform's views may take the place of the first two tables.

    for (const profiles of ['doctors', 'patients']) {
      await table(profiles, (builder) =>
        builder
          .addColumn('id', 'varchar(128)', (column) => column.notNull().primaryKey())
          .addColumn('name', 'varchar(100)', (column) => column.notNull())
          .addColumn('sex', 'smallint', (column) => column.notNull().defaultTo(0))
          .addColumn('birthdate', date)
          .addColumn('avatar', 'varchar(2048)')
          .addColumn('openid', 'varchar(128)'),
      );
    }
    await table('user_states', (builder) =>
      builder
        .addColumn('user_id', 'varchar(128)', (column) => column.notNull().primaryKey())
        .addColumn('type', 'varchar(10)', (column) => column.notNull())
        .addColumn('in_background', 'smallint', (column) => column.notNull().defaultTo(0))
        .addColumn('platform', 'varchar(10)')
        .addColumn('client_id', 'varchar(128)')
        .addColumn('last_active_time', time)
        .addColumn('left_consult_time', time)
        .addColumn('token_generation', 'integer', (column) => column.notNull().defaultTo(0)),
    );
    await table('revoked_tokens', (builder) =>
      builder
        .addColumn('id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('expires_time', time, (column) => column.notNull()),
    );

    // --- Sessions and their participants.

    await table('sessions', (builder) =>
      builder
        .addColumn('id', 'varchar(128)', (column) => column.notNull().primaryKey())
        .addColumn('type', 'smallint', (column) => column.notNull())
        .addColumn('name', 'varchar(100)', (column) => column.notNull())
        .addColumn('business_type', 'smallint', (column) => column.notNull())
        .addColumn('status', 'smallint', (column) => column.notNull().defaultTo(0))
        .addColumn('create_date', time, (column) => column.notNull())
        .addColumn('pair', 'varchar(257)')
        .addColumn('last_message_id', bigint, (column) => column.notNull().defaultTo(0))
        .addColumn('last_sender_id', 'varchar(128)')
        .addColumn('last_sender_name', 'varchar(100)')
        .addColumn('last_content_type', 'smallint')
        .addColumn('last_content', longText as never)
        .addColumn('last_message_time', time)
        .addColumn('other_message_time', time)
        .addColumn('clock_time', time, (column) => column.notNull())
        .addColumn('members_version', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('unreplied_topic_id', 'varchar(128)'),
    );
    await index('sessions', 'sessions_pair', ['pair'], true);

    await table('participants', (builder) =>
      builder
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('participant_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('type', 'varchar(10)', (column) => column.notNull())
        .addColumn('role', 'smallint', (column) => column.notNull().defaultTo(0))
        .addColumn('last_fetch_time', time, (column) => column.notNull())
        .addColumn('last_sent_time', time)
        .addColumn('sticky', 'smallint', (column) => column.notNull().defaultTo(0))
        .addPrimaryKeyConstraint('participants_key', ['session_id', 'participant_id'] as never),
    );
    await index('participants', 'participants_user', ['participant_id', 'session_id']);

    // --- Messages: a table for each type of session.

    for (const messages of MESSAGE_TABLES) {
      await table(messages, (builder) =>
        builder
          .addColumn('id', id as never)
          .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
          .addColumn('sender_id', 'varchar(128)', (column) => column.notNull())
          .addColumn('sender_name', 'varchar(100)', (column) => column.notNull())
          .addColumn('type', 'smallint', (column) => column.notNull())
          .addColumn('content', longText as never, (column) => column.notNull())
          .addColumn('timestamp', time, (column) => column.notNull())
          .addColumn('client_msg_id', 'varchar(128)')
          .addColumn('client_key', 'varchar(43)'),
      );
      // In a session ids and times rise together. So this one index finds pages of history, a topic's messages, and what came
      // after a read position; unread messages are counted from it alone.
      await index(messages, `${messages}_session`, ['session_id', 'id', 'timestamp', 'sender_id']);
      await index(messages, `${messages}_client`, ['client_key'], true);
    }

    // --- Topics.

    await table('topics', (builder) =>
      builder
        .addColumn('id', 'varchar(128)', (column) => column.notNull().primaryKey())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('name', 'varchar(100)', (column) => column.notNull())
        .addColumn('description', longText as never)
        .addColumn('type', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('status', 'smallint', (column) => column.notNull().defaultTo(0))
        .addColumn('reply', 'smallint', (column) => column.notNull().defaultTo(0))
        .addColumn('create_time', time, (column) => column.notNull())
        .addColumn('start_message_id', bigint, (column) => column.notNull())
        .addColumn('end_message_id', bigint)
        .addColumn('end_time', time)
        .addColumn('end_by', 'varchar(128)')
        .addColumn('end_by_name', 'varchar(100)')
        .addColumn('open_session_id', 'varchar(128)'),
    );
    await index('topics', 'topics_session', ['session_id', 'create_time']);
    await index('topics', 'topics_newest', ['create_time', 'id']);
    await index('topics', 'topics_open', ['open_session_id'], true);

    // --- Notices to patients who are away.

    await table('notices', (builder) =>
      builder
        .addColumn('id', id as never)
        .addColumn('channel', 'varchar(16)', (column) => column.notNull())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('message_id', bigint)
        .addColumn('call_id', 'varchar(64)')
        .addColumn('user_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('state', 'varchar(10)', (column) => column.notNull())
        .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
        .addColumn('last_error', 'varchar(255)')
        .addColumn('create_time', time, (column) => column.notNull())
        .addColumn('update_time', time, (column) => column.notNull())
        .addColumn('due_time', time, (column) => column.notNull())
        .addColumn('claimed_by', 'varchar(64)')
        .addColumn('retry_since', time),
    );
    // One a message and patient; also finds what an acknowledgement settles.
    await index('notices', 'notices_message', ['user_id', 'session_id', 'message_id'], true);
    await index('notices', 'notices_due', ['state', 'due_time']);

    // --- Calls: signalling only.

    await table('calls', (builder) =>
      builder
        .addColumn('id', 'varchar(64)', (column) => column.notNull().primaryKey())
        .addColumn('session_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('open_session_id', 'varchar(128)')
        .addColumn('caller_id', 'varchar(128)', (column) => column.notNull())
        .addColumn('caller_name', 'varchar(100)', (column) => column.notNull())
        .addColumn('callee_id', 'varchar(128)')
        .addColumn('media', 'varchar(10)', (column) => column.notNull())
        .addColumn('state', 'varchar(10)', (column) => column.notNull())
        .addColumn('rejected_by', longText as never, (column) => column.notNull())
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
    await index('calls', 'calls_open', ['open_session_id'], true);

    // --- What all processes share and a restart must not forget.

    await createServerState(db, dialect);
  },
};
