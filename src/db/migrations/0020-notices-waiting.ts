import { type SchemaStep } from '../migrate';

/** What is due on a channel is found by itself, however much another channel has waiting. */
export const noticesWaiting: SchemaStep = {
  async up(db, dialect) {
    await dialect.replaceIndex(db, 'notices', 'notices_due', ['channel', 'state', 'due_time']);
  },
};
