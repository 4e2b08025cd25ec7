import { type SchemaStep } from '../migrate';
import { createIndex, dropIndex } from './ddl';

/** Every message has a notice for each patient: what its table's indexes cost, each send pays. */
export const fewerIndexes: SchemaStep = {
  async up(db, dialect) {
    // Nobody looks for a call's notices, and whoever makes the call writes them, once.
    await dropIndex(db, dialect, 'notices', 'notices_call');
    if (!dialect.partialIndexes) return;
    // An acknowledgement settles what is pending; most are not for long, or never were.
    await createIndex(db, dialect, 'notices', 'notices_pending', ['user_id', 'session_id', 'message_id'], {
      unique: true,
      where: "state = 'pending'",
    });
    await dropIndex(db, dialect, 'notices', 'notices_message');
  },
};
