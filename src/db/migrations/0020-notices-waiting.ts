import { type SchemaStep } from '../migrate';
import { createIndex } from './ddl';

/** What waits is found by itself, however much was sent before, and however much another channel has waiting. */
export const noticesWaiting: SchemaStep = {
  async up(db, dialect) {
    await dialect.replaceIndex(db, 'notices', 'notices_due', ['channel', 'state', 'due_time'], false);
    // Finds what an acknowledgement settles, and which pushes of a phone wait. Statements hint at it by its name.
    const waiting = ['user_id', 'session_id', 'state', 'message_id'];
    await createIndex(db, dialect, 'notices', 'notices_waiting', waiting);
  },
};
