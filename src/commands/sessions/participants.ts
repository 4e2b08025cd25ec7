import { type Transaction } from 'kysely';
import { type Database, type Queryable } from '../../db/database';
import { type Dialect } from '../../db/dialect';
import { type Schema } from '../../db/schema';
import { runIn } from '../../db/statement';
import { conflict, type Fault, invalid, notFound } from '../../errors';
import { Events } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { SESSION_TYPE } from '../../model/message-tables';
import {
  businessTypeOf,
  deleteParticipants,
  insertParticipants,
  type NewParticipant,
  type Participant,
  participantsOf,
  ROLE,
} from '../../model/participants';
import { participantsWithUnread } from '../../model/unread';
import { findUsers, sharedWith, type User } from '../../model/users';
import { mayChangeMembers } from '../access/may-change';
import { type Principal } from '../access/tokens';
import { announceMembers } from '../delivery/announce-stored';
import { type Services } from '../services';

export interface ParticipantInput {
  id: string;
  role?: number | undefined;
}

export interface ParticipantsChange {
  add?: readonly ParticipantInput[];
  remove?: readonly string[];
}

/**
 * The participants named, with their types. A doctor names any doctors, and the patients with whom it shares a session; any other
 * patient counts as unknown, so that nobody finds out by trying who is a patient.
 * @throws AppError `validation_failed` on each that is no known user or is named twice, under `path`
 */
export async function knownParticipants(
  db: Queryable,
  principal: Principal,
  input: readonly ParticipantInput[],
  path: string,
): Promise<NewParticipant[]> {
  const { faults, known } = await lookUp(db, principal, input, path);
  if (faults.length > 0) throw invalid(faults);
  return known;
}

/** The same, with the faults beside who is known. */
async function lookUp(
  db: Queryable,
  principal: Principal,
  input: readonly ParticipantInput[],
  path: string,
): Promise<{ known: NewParticipant[]; faults: Fault[] }> {
  const users = await findUsers(
    db,
    input.map(({ id }) => id),
  );
  if (principal.kind === 'user') await withoutStrangers(db, principal.id, users);
  const faults: Fault[] = [];
  const known = input.flatMap(({ id, role }, index) => {
    const user = users.get(id);
    if (input.findIndex((other) => other.id === id) !== index) {
      faults.push({ path: `${path}.${index}.id`, message: 'named twice' });
    } else if (user === undefined) {
      faults.push({ path: `${path}.${index}.id`, message: 'no known user' });
    }
    return user === undefined ? [] : [{ id, type: user.type, role: role ?? ROLE.member }];
  });
  return { known, faults };
}

/** Takes patients out of `users` with whom the user shares no session. */
async function withoutStrangers(db: Queryable, userId: string, users: Map<string, User>): Promise<void> {
  const patients = [...users.values()].filter(({ id, type }) => type === 'patient' && id !== userId);
  if (patients.length === 0) return;
  const shared = await sharedWith(
    db,
    userId,
    patients.map(({ id }) => id),
  );
  for (const { id } of patients) if (!shared.has(id)) users.delete(id);
}

/** A session's row, locked until the transaction's end. @throws AppError `not_found` */
async function requireLock(
  trx: Transaction<Schema>,
  { dialect }: Database,
  sessionId: string,
): Promise<LockedSession> {
  const session = await lockSession(runIn(trx, dialect), dialect, sessionId);
  if (session === undefined) throw notFound('session');
  return session;
}

/**
 * Adds and removes participants of a locked session, both or neither, and recomputes its `business_type`.
 * Who is there already stays as they are.
 * @param events get it told, if it changes anything; storing them is the caller's
 * @returns who was really added
 */
export async function applyMembersChange(
  trx: Transaction<Schema>,
  dialect: Dialect,
  session: LockedSession,
  add: readonly NewParticipant[],
  remove: readonly string[],
  events: Events,
): Promise<NewParticipant[]> {
  const { row } = session;
  const added = add.filter(({ id }) => !session.members.has(id) || remove.includes(id));
  if (added.length === 0 && remove.length === 0) return [];
  // New ones start with nothing unread: at the later of now and the session's last message. The next message is later.
  const start = session.now > row.clock_time ? session.now : row.clock_time;
  await deleteParticipants(trx, dialect, row.id, row.business_type, remove);
  await insertParticipants(trx, row.id, added, start);
  const members = new Map(session.members);
  for (const id of remove) members.delete(id);
  for (const { id, type } of added) members.set(id, { id, type });
  session.members = members;
  row.business_type = businessTypeOf([...members.values()].map((member) => member.type));
  row.members_version += 1;
  row.clock_time = start;
  await trx
    .updateTable('sessions')
    .set({
      business_type: row.business_type,
      members_version: row.members_version,
      clock_time: start,
    })
    .where('id', '=', row.id)
    .execute();
  const details = { added: added.map(({ id }) => id), removed: remove };
  events.add(session, 'participants.changed', { details });
  return added;
}

/**
 * Adds and removes participants.
 * @param path where in the body those to add and to remove stand; without `remove`, it is the request's path that names
 * who is removed
 * @returns the participants afterwards, and how many were added
 * @throws AppError `not_found` for no such session; `conflict` for a p2p session; `validation_failed` for unknown users
 * and for removing who is not there (`not_found` when the request's path names them)
 */
export async function changeParticipants(
  {
    badges,
    database,
    deliver,
    wantedEvents,
  }: Pick<Services, 'badges' | 'database' | 'deliver' | 'wantedEvents'>,
  principal: Principal,
  sessionId: string,
  change: ParticipantsChange,
  path: { add?: string; remove?: string } = { add: 'add', remove: 'remove' },
): Promise<{ participants: Participant[]; added: number }> {
  const remove = [...new Set(change.remove ?? [])];
  const outcome = await database.transaction(async (trx) => {
    const session = await requireLock(trx, database, sessionId);
    mayChangeMembers(principal, session);
    const { faults, known: add } = await lookUp(trx, principal, change.add ?? [], path.add ?? '');
    const absent = (change.remove ?? []).flatMap((id, index) =>
      session.members.has(id) ? [] : [{ path: `${path.remove ?? ''}.${index}`, message: 'no participant' }],
    );
    if (absent.length > 0 && path.remove === undefined) throw notFound('participant');
    const both = (change.add ?? []).flatMap(({ id }, index) =>
      remove.includes(id)
        ? [{ path: `${path.add ?? ''}.${index}.id`, message: 'also among those to remove' }]
        : [],
    );
    const all = [...absent, ...faults, ...both];
    if (all.length > 0) throw invalid(all);
    if (session.row.type === SESSION_TYPE.p2p)
      throw conflict('The participants of a p2p session do not change.');
    const events = new Events(wantedEvents);
    const hadUnread = await participantsWithUnread(trx, session.row, remove);
    const added = await applyMembersChange(trx, database.dialect, session, add, remove, events);
    await events.store(runIn(trx, database.dialect));
    return { session, added, hadUnread, participants: await participantsOf(trx, sessionId) };
  });
  if (outcome.added.length > 0 || remove.length > 0) {
    announceMembers(deliver, {
      sessionId,
      added: outcome.added,
      removed: remove,
      participants: outcome.participants,
      lastMessageId: outcome.session.row.last_message_id,
    });
    for (const id of outcome.hadUnread) badges.reduced(id);
  }
  return { participants: outcome.participants, added: outcome.added.length };
}

/** Adds one participant or changes its role. @returns it, and whether it is new */
export async function putParticipant(
  { database, deliver, wantedEvents }: Pick<Services, 'database' | 'deliver' | 'wantedEvents'>,
  principal: Principal,
  sessionId: string,
  participantId: string,
  role: number | undefined,
): Promise<{ participant: Participant; created: boolean }> {
  const outcome = await database.transaction(async (trx) => {
    const session = await requireLock(trx, database, sessionId);
    mayChangeMembers(principal, session);
    const known = await findUsers(trx, [participantId]);
    if (principal.kind === 'user') await withoutStrangers(trx, principal.id, known);
    const user = known.get(participantId);
    if (user === undefined) throw notFound('user');
    const isThere = session.members.has(participantId);
    if (session.row.type === SESSION_TYPE.p2p)
      throw conflict('The participants of a p2p session do not change.');
    const events = new Events(wantedEvents);
    const added = isThere
      ? []
      : await applyMembersChange(
          trx,
          database.dialect,
          session,
          [{ id: participantId, type: user.type, role: role ?? ROLE.member }],
          [],
          events,
        );
    await events.store(runIn(trx, database.dialect));
    if (isThere && role !== undefined) {
      await trx
        .updateTable('participants')
        .set({ role })
        .where('session_id', '=', sessionId)
        .where('participant_id', '=', participantId)
        .execute();
    }
    return { session, added, participants: await participantsOf(trx, sessionId), created: !isThere };
  });
  announceMembers(deliver, {
    sessionId,
    added: outcome.added,
    removed: [],
    participants: outcome.participants,
    lastMessageId: outcome.session.row.last_message_id,
  });
  const participant = outcome.participants.find((each) => each.participant_id === participantId);
  if (participant === undefined) throw notFound('participant');
  return { participant, created: outcome.created };
}
