import { type Transaction } from 'kysely';
import { runIn } from '../db/database';
import { type Schema, type TopicRow } from '../db/schema';
import { conflict, forbidden, invalidField, notFound } from '../errors';
import { describeError, log } from '../logger';
import { Append, type Appended, type LockedSession, lockSession, type WrittenNotices } from '../model/append';
import { SYSTEM_USER } from '../model/identifiers';
import { MESSAGE_TYPE, type MessageInput } from '../model/message-content';
import { SESSION_TYPE } from '../model/message-tables';
import { type NewParticipant, participantsOf } from '../model/participants';
import { findPair, pairOf, touchSession } from '../model/sessions';
import { findTopic, lastTopic, TOPIC_STATUS } from '../model/topics';
import { findUser, findUsers } from '../model/users';
import { frame } from '../views/frames';
import { messageJson } from '../views/message';
import { topicView } from '../views/topic';
import { visibleTopic } from './access';
import { forwardedContent } from './forward';
import {
  announceMembers,
  applyMembersChange,
  knownParticipants,
  type ParticipantInput,
} from './participants';
import { type Services } from './services';
import { checkNewSession, insertSession } from './sessions';
import { type Principal } from './tokens';

export type TopicMessage = MessageInput & { sender_id?: string | undefined };

export interface TopicInput {
  session_id: string;
  user_id?: string | undefined;
  name: string;
  description?: string | undefined;
  type: number;
  session_name?: string | undefined;
  session_type?: number | undefined;
  participants?: readonly ParticipantInput[] | undefined;
  messages?: readonly TopicMessage[] | undefined;
}

/**
 * So many characters of forwarded messages may come with a start. A body is small, but each forward in it may copy 256 KiB,
 * and all are stored by one statement, which MySQL takes up to 16 MiB of.
 */
const MAX_COPIED = 1024 * 1024;

/** What a transaction on a topic stored, to be told when it is committed. */
interface Stored {
  topic: TopicRow;
  session: LockedSession;
  messages: Appended[];
  notices: WrittenNotices;
  added: readonly NewParticipant[];
}

/** Tells the topic to everybody who hears of its session. */
export function announceTopic(services: Pick<Services, 'deliver'>, topic: TopicRow): void {
  services.deliver.sessionEvent(topic.session_id, frame('topic', { topic: topicView(topic) }));
}

/** Delivers what `stored` holds, as the writer does for plain sends. */
async function announce(services: Services, stored: Stored): Promise<void> {
  const { added, messages, notices, session, topic } = stored;
  if (added.length > 0) {
    announceMembers(
      services,
      { id: session.row.id, last_message_id: messages[0]?.previousId ?? 0 },
      await participantsOf(services.database.kysely, session.row.id),
      added,
      [],
    );
  }
  services.deliver.messages(
    messages.map((message) => ({
      ...message,
      json: messageJson(message.row),
      sessionType: session.row.type,
      members: session.members,
      membersVersion: session.row.members_version,
      origin: undefined,
    })),
  );
  for (const { row } of messages) {
    if (row.sender_id !== SYSTEM_USER.id) services.activity.touch(row.sender_id);
  }
  announceTopic(services, topic);
  services.notices.written(notices);
}

/**
 * Starts a topic, in a session that exists or is made for it, and writes its type 6 message and `messages`: all or nothing.
 * @throws AppError `not_found`, `forbidden`, `validation_failed`, `rate_limited`; `conflict` when the session has an open topic, the id is
 * used, or the pair has a p2p session
 */
export async function startTopic(
  services: Services,
  principal: Principal,
  topicId: string,
  input: TopicInput,
): Promise<TopicRow> {
  const { database } = services;
  const starter = starterOf(principal, input);
  const sent = input.messages?.length ?? 0;
  if (principal.kind === 'user' && sent > 0) services.rate.take(principal.id, sent);
  try {
    const stored = await database.transaction((trx) =>
      storeTopic(services, trx, principal, topicId, input, starter),
    );
    await announce(services, stored);
    return stored.topic;
  } catch (error) {
    if (database.dialect.isUniqueViolation(error)) {
      throw conflict('The topic, its session or the pair of its session exists already.');
    }
    throw error;
  }
}

/** Who starts it: the user, or `user_id`, or the first message's sender, or null for the platform. */
function starterOf(principal: Principal, input: TopicInput): string | null {
  if (principal.kind === 'backend') return input.user_id ?? input.messages?.[0]?.sender_id ?? null;
  const others = [input.user_id, ...(input.messages ?? []).map((message) => message.sender_id)];
  if (others.some((id) => id !== undefined && id !== principal.id)) {
    throw forbidden('A user acts for nobody but itself.');
  }
  if (input.messages?.some((message) => message.type === MESSAGE_TYPE.system)) {
    throw forbidden('System messages come from the platform alone.');
  }
  return principal.id;
}

async function storeTopic(
  services: Services,
  trx: Transaction<Schema>,
  principal: Principal,
  topicId: string,
  input: TopicInput,
  starter: string | null,
): Promise<Stored> {
  const { dialect } = services.database;
  const run = runIn(trx);
  const { added, session } = await sessionForTopic(services, trx, principal, input);
  if (input.user_id !== undefined && !session.members.has(input.user_id)) throw notFound('user');
  if (principal.kind === 'user' && session.row.type === SESSION_TYPE.system) {
    throw forbidden('Only the platform writes in system sessions.');
  }
  if ((await findTopic(trx, topicId)) !== undefined) throw conflict('A topic with this id exists.');
  const open = await trx
    .selectFrom('topics')
    .select('id')
    .where('open_session_id', '=', session.row.id)
    .executeTakeFirst();
  if (open !== undefined) throw conflict('The session has an open topic.');

  const messages = input.messages ?? [];
  const drafts = messages.map((message) => ({
    message,
    // The platform's own messages name no sender.
    senderId: message.sender_id ?? (principal.kind === 'user' ? principal.id : null),
  }));
  for (const [index, { message, senderId }] of drafts.entries()) {
    if (
      senderId === null &&
      message.type !== MESSAGE_TYPE.system &&
      session.row.type !== SESSION_TYPE.system
    ) {
      throw invalidField(`messages.${index}.sender_id`, 'required');
    }
    if (senderId !== null && !session.members.has(senderId)) {
      throw invalidField(`messages.${index}.sender_id`, 'no participant of the session');
    }
  }
  const names = await findUsers(
    trx,
    [starter, ...drafts.map(({ senderId }) => senderId)].filter((id) => id !== null),
  );
  const sender = (id: string | null) => ({
    senderId: id ?? SYSTEM_USER.id,
    senderName: id === null ? SYSTEM_USER.name : (names.get(id)?.name ?? id),
  });

  const append = new Append(dialect, services.noticePlan);
  const start = append.add(session, {
    ...sender(starter),
    type: MESSAGE_TYPE.topicStart,
    content: JSON.stringify({ topic_id: topicId, name: input.name }),
    client: null,
  });
  session.unrepliedTopic = topicId;
  const stored = [start];
  let copied = 0;
  for (const [index, { message, senderId }] of drafts.entries()) {
    let content: string;
    if (message.type === MESSAGE_TYPE.forwarded) {
      const path = `messages.${index}.content`;
      content = await forwardedContent(run, message.content, senderId, path);
      copied += content.length;
      if (copied > MAX_COPIED) throw invalidField(path, 'too much is forwarded at once');
    } else content = JSON.stringify(message.content);
    stored.push(append.add(session, { ...sender(senderId), type: message.type, content, client: null }));
  }
  await append.store(run, { newTopic: topicId });
  await trx
    .insertInto('topics')
    .values({
      id: topicId,
      session_id: session.row.id,
      name: input.name,
      description: input.description ?? null,
      type: input.type,
      reply: append.repliedTopics.has(topicId) ? 1 : 0,
      create_time: start.row.timestamp,
      start_message_id: start.row.id,
      open_session_id: session.row.id,
    })
    .execute();
  await trx.updateTable('sessions').set({ status: 1 }).where('id', '=', session.row.id).execute();
  const topic = await trx
    .selectFrom('topics')
    .selectAll()
    .where('id', '=', topicId)
    .executeTakeFirstOrThrow();
  return { topic, session, messages: stored, notices: append.notices, added };
}

/** The session of a new topic, locked: with those added who were missing, or made. */
async function sessionForTopic(
  services: Services,
  trx: Transaction<Schema>,
  principal: Principal,
  input: TopicInput,
): Promise<{ session: LockedSession; added: readonly NewParticipant[] }> {
  const { dialect } = services.database;
  const run = runIn(trx);
  const session = await lockSession(run, dialect, input.session_id);
  if (session !== undefined) {
    if (principal.kind === 'user' && !session.members.has(principal.id)) throw notFound('session');
    const named = await knownParticipants(trx, input.participants ?? [], 'participants');
    const missing = named.filter(({ id }) => !session.members.has(id));
    if (missing.length > 0 && session.row.type === SESSION_TYPE.p2p) {
      throw conflict('The participants of a p2p session do not change.');
    }
    return { session, added: await applyMembersChange(trx, dialect, session, missing, []) };
  }
  const { participants, session_name: name, session_type: type } = input;
  if (name === undefined || type === undefined || participants === undefined || participants.length === 0) {
    throw notFound('session');
  }
  const sessionInput = { id: input.session_id, type, name, participants };
  checkNewSession(principal, sessionInput);
  const known = await knownParticipants(trx, participants, 'participants');
  const [first, second] = known;
  if (type === SESSION_TYPE.p2p && first && second && (await findPair(trx, pairOf(first.id, second.id)))) {
    throw conflict('These two have a p2p session.');
  }
  await insertSession(trx, sessionInput, known);
  const made = await lockSession(run, dialect, input.session_id);
  if (made === undefined) throw notFound('session');
  return { session: made, added: known };
}

export interface TopicChange {
  name?: string | undefined;
  description?: string | null | undefined;
  type?: number | undefined;
  reply?: number | undefined;
}

/** Changes a topic's own fields. @throws AppError `not_found` */
export async function changeTopic(
  services: Services,
  principal: Principal,
  topicId: string,
  change: TopicChange,
): Promise<TopicRow> {
  const db = services.database.kysely;
  const before = await visibleTopic(db, principal, topicId);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return before;
  await services.database.transaction(async (trx) => {
    // What waits for a reply is remembered with the session: this tells that it is to be read again.
    if (change.reply !== undefined) await touchSession(trx, before.session_id);
    await trx.updateTable('topics').set(given).where('id', '=', topicId).execute();
  });
  const topic = await visibleTopic(db, principal, topicId);
  announceTopic(services, topic);
  return topic;
}

/** The topic of a session that a path names, `current` being its last one. @throws AppError `not_found` */
export async function topicOfSession(
  db: Services['database']['kysely'],
  sessionId: string,
  topicId: string,
): Promise<TopicRow> {
  const topic = topicId === 'current' ? await lastTopic(db, sessionId) : await findTopic(db, topicId);
  if (topic?.session_id !== sessionId) throw notFound('topic');
  return topic;
}

export interface TopicEnd {
  userId: string;
  userName?: string | undefined;
  /** what is said after the end, as a message of type 10 */
  message?: string | undefined;
  byBackend: boolean;
}

/**
 * Ends a topic: writes its type 7 message, and with `message` one of type 10. Ending it again changes nothing.
 * @throws AppError `not_found`; `forbidden` for a user in a system session
 */
export async function endTopic(
  services: Services,
  sessionId: string,
  topicId: string,
  end: TopicEnd,
): Promise<TopicRow> {
  const { database } = services;
  const stored = await database.transaction(async (trx): Promise<Stored | TopicRow> => {
    const run = runIn(trx);
    const session = await lockSession(run, database.dialect, sessionId);
    if (!session?.members.has(end.userId)) throw notFound('session');
    const topic = await topicOfSession(trx, sessionId, topicId);
    if (!end.byBackend && session.row.type === SESSION_TYPE.system) {
      throw forbidden('Only the platform writes in system sessions.');
    }
    if (topic.status === TOPIC_STATUS.ended) return topic;
    const name = (await findUser(trx, end.userId))?.name ?? end.userId;
    const append = new Append(database.dialect, services.noticePlan);
    const draft = { senderId: end.userId, senderName: name, client: null };
    const last = append.add(session, {
      ...draft,
      type: MESSAGE_TYPE.topicEnd,
      content: JSON.stringify({ topic_id: topic.id, name: topic.name }),
    });
    const messages = [last];
    if (end.message !== undefined) {
      messages.push(
        append.add(session, {
          ...draft,
          type: MESSAGE_TYPE.afterTopic,
          content: JSON.stringify(end.message),
        }),
      );
    }
    await append.store(run);
    await trx
      .updateTable('topics')
      .set({
        status: TOPIC_STATUS.ended,
        end_message_id: last.row.id,
        end_time: last.row.timestamp,
        end_by: end.userId,
        end_by_name: end.userName ?? name,
        open_session_id: null,
      })
      .where('id', '=', topic.id)
      .execute();
    await trx.updateTable('sessions').set({ status: 0 }).where('id', '=', sessionId).execute();
    const ended = await topicOfSession(trx, sessionId, topic.id);
    return { topic: ended, session, messages, notices: append.notices, added: [] };
  });
  if (!('messages' in stored)) return stored;
  await announce(services, stored);
  return stored.topic;
}

/** Tells topics that got their first reply with a message of somebody's. */
export async function announceTopics(
  services: Pick<Services, 'database' | 'deliver'>,
  ids: readonly string[],
): Promise<void> {
  try {
    for (const id of ids) {
      const topic = await findTopic(services.database.kysely, id);
      if (topic !== undefined) announceTopic(services, topic);
    }
  } catch (error) {
    log.warn(`a topic's reply could not be told: ${describeError(error)}`);
  }
}
