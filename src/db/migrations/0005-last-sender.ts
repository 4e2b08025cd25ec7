import { type SchemaStep } from '../migrate';
import { addColumn } from './ddl';

/**
 * Each send wrote its sender's row among the participants. Of a session's last sender the session's own row tells as much,
 * which each send writes anyway: when it sent last is when the last message came, and this is up to when it has read by that.
 * Of the others, what they sent within a while after the time that their rows tell is found from this id on.
 */
export const lastSender: SchemaStep = {
  async up(db, dialect) {
    await addColumn(db, 'sessions', 'sender_fetch_time', dialect.types.time);
    await addColumn(db, 'participants', 'last_sent_id', dialect.types.bigint);
  },
};
