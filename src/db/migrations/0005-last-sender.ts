import { sql } from 'kysely';
import { type SchemaStep } from '../migrate';
import { addColumn, createView, renameTable } from './ddl';

/**
 * Each send wrote its sender's row among the participants. Of a session's last sender the session's own row, which each
 * send writes anyway, tells as much: when it sent last is when the last message came, and up to when it has read by that
 * is here. Of the others, what they sent within a while after the time that their rows tell is found from an id on. The
 * table is read through a view.
 */
export const lastSender: SchemaStep = {
  async up(db, dialect) {
    // An earlier version named the table as the view is named now.
    await renameTable(db, 'participants', 'memberships');
    await addColumn(db, 'sessions', 'sender_fetch_time', dialect.types.time);
    await addColumn(db, 'memberships', 'last_sent_id', dialect.types.bigint);
    await createView(
      db,
      'participants',
      sql`select memberships.session_id, memberships.participant_id, memberships.type, memberships.role,
        case when sessions.last_sender_id = memberships.participant_id
          and sessions.sender_fetch_time > memberships.last_fetch_time
          then sessions.sender_fetch_time else memberships.last_fetch_time end as last_fetch_time,
        memberships.sticky
      from memberships left join sessions on sessions.id = memberships.session_id`,
    );
  },
};
