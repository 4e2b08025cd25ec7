import { type SchemaStep } from '../migrate';
import { createIndex, dropIndex } from './ddl';

const MESSAGE_TABLES = ['system_messages', 'muc_messages', 'p2p_messages', 'group_messages'];

/**
 * Each send paid for two indexes by session, one by id and one by time. In a session both rise together, so the one by id
 * also finds what came after a time, from its end; with the time and the sender in it, from the index alone.
 */
export const oneIndexASession: SchemaStep = {
  async up(db, dialect) {
    for (const messages of MESSAGE_TABLES) {
      await createIndex(db, dialect, messages, `${messages}_session`, [
        'session_id',
        'id',
        'timestamp',
        'sender_id',
      ]);
      await dropIndex(db, dialect, messages, `${messages}_history`);
      await dropIndex(db, dialect, messages, `${messages}_unread`);
    }
  },
};
