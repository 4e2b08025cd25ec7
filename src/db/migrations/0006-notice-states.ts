import { type SchemaStep } from '../migrate';

/** Every notice's state changes once at least, in the row and in an index: in a byte it changes where it stands. */
export const noticeStates: SchemaStep = {
  async up(db, dialect) {
    await dialect.enumerate(db, 'notices', 'state', ['pending', 'delivered', 'sent', 'skipped', 'failed']);
  },
};
