import { type Transaction } from 'kysely';
import { type Queryable } from '../../db/database';
import { type Dialect } from '../../db/dialect';
import { type Schema, type SessionRow } from '../../db/schema';
import { conflict, forbidden, invalidField } from '../../errors';
import { databaseNow } from '../../db/clock';
import { newId } from '../../model/values/identifiers';
import { SESSION_TYPE } from '../../model/message-tables';
import {
  businessTypeOf,
  insertParticipants,
  type NewParticipant,
  participantsOf,
} from '../../model/participants';
import { findPair, findSession, pairOf } from '../../model/sessions';
import { mayMakeSessions } from '../access/may-change';
import { type Principal } from '../access/tokens';
import { announceMembers } from '../delivery/announce-stored';
import { type Services } from '../services';
import { knownParticipants, type ParticipantInput } from './participants';

export interface SessionInput {
  id?: string | undefined;
  type: number;
  name: string;
  participants: readonly ParticipantInput[];
  business_type?: number | undefined;
}

/**
 * The rules for a new session that need no database.
 * @throws AppError `forbidden`, `validation_failed`
 */
export function checkNewSession(principal: Principal, input: SessionInput): void {
  mayMakeSessions(principal);
  if (input.type === SESSION_TYPE.p2p && new Set(input.participants.map(({ id }) => id)).size !== 2) {
    throw invalidField('participants', 'exactly two different users in a p2p session');
  }
  if (principal.kind === 'backend') return;
  if (input.type === SESSION_TYPE.system) throw forbidden('Only the platform makes system sessions.');
  if (!input.participants.some(({ id }) => id === principal.id)) {
    throw forbidden('A user makes only sessions that it takes part in.');
  }
}

/** Inserts a session with its participants, who start with nothing unread. A used id or pair is a unique violation. */
export async function insertSession(
  trx: Transaction<Schema>,
  dialect: Dialect,
  input: Omit<SessionInput, 'participants'> & { id: string },
  participants: readonly NewParticipant[],
): Promise<SessionRow> {
  const now = await databaseNow(trx, dialect);
  const [first, second] = participants;
  await trx
    .insertInto('sessions')
    .values({
      id: input.id,
      type: input.type,
      name: input.name,
      business_type: businessTypeOf(participants.map(({ type }) => type)),
      create_date: now,
      clock_time: now,
      pair: input.type === SESSION_TYPE.p2p && first && second ? pairOf(first.id, second.id) : null,
    })
    .execute();
  await insertParticipants(trx, input.id, participants, now);
  return trx.selectFrom('sessions').selectAll().where('id', '=', input.id).executeTakeFirstOrThrow();
}

/**
 * Makes a session. Two users have one p2p session: when it exists, it is the answer.
 * @throws AppError `forbidden`, `validation_failed`, `conflict` for an id in use
 */
export async function createSession(
  { database, deliver }: Pick<Services, 'database' | 'deliver'>,
  principal: Principal,
  input: SessionInput,
): Promise<{ session: SessionRow; created: boolean }> {
  checkNewSession(principal, input);
  const participants = await knownParticipants(
    database.kysely,
    principal,
    input.participants,
    'participants',
  );
  const businessType = businessTypeOf(participants.map(({ type }) => type));
  if (input.business_type !== undefined && input.business_type !== businessType) {
    throw invalidField('business_type', `${businessType} for these participants`);
  }
  const existing = () => findExistingPair(database.kysely, input);
  const before = await existing();
  if (before !== undefined) return { session: before, created: false };
  const id = input.id ?? newId();
  try {
    const made = await database.transaction(async (trx) => ({
      session: await insertSession(trx, database.dialect, { ...input, id }, participants),
      members: await participantsOf(trx, id),
    }));
    announceMembers(deliver, {
      sessionId: id,
      added: participants,
      removed: [],
      participants: made.members,
      lastMessageId: made.session.last_message_id,
    });
    return { session: made.session, created: true };
  } catch (error) {
    if (!database.dialect.isUniqueViolation(error)) throw error;
    const meanwhile = await existing();
    if (meanwhile !== undefined) return { session: meanwhile, created: false };
    if ((await findSession(database.kysely, id)) === undefined) throw error;
    throw conflict('A session with this id exists.');
  }
}

async function findExistingPair(db: Queryable, input: SessionInput): Promise<SessionRow | undefined> {
  const [first, second] = input.participants;
  if (input.type !== SESSION_TYPE.p2p || first === undefined || second === undefined) return undefined;
  return findPair(db, pairOf(first.id, second.id));
}
