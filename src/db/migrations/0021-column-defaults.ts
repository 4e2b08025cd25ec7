import { sql } from 'kysely';
import { type SchemaStep } from '../migrate';

/**
 * A statement that stores messages brings known rows of these two tables up to date by an INSERT that meets them. It names what it
 * changes, and no more: so every other column has a default, though no new row ever takes it.
 */
export const columnDefaults: SchemaStep = {
  async up(db, dialect) {
    const { time } = dialect.types;
    await dialect.setDefault(db, 'sessions', 'type', sql`smallint`, 0);
    await dialect.setDefault(db, 'sessions', 'name', sql`varchar(100)`, '');
    await dialect.setDefault(db, 'sessions', 'business_type', sql`smallint`, 0);
    await dialect.setDefault(db, 'sessions', 'create_date', time, '1970-01-01 00:00:00.000');
    await dialect.setDefault(db, 'participants', 'type', sql`varchar(10)`, 'patient');
  },
};
