import { type Transaction } from 'kysely';
import { type Schema, type TopicRow } from '../../db/schema';
import { type Run, runIn } from '../../db/statement';
import { conflict, Faults, forbidden, invalidField, notFound } from '../../errors';
import { Append, type Appended } from '../../model/appending/append';
import { Events } from '../../model/written-events';
import { type LockedSession, lockSession } from '../../model/appending/locked-session';
import { SESSION_TYPE } from '../../model/message-tables';
import { participantsOf } from '../../model/participants';
import { findPair, pairOf } from '../../model/sessions';
import { findTopic, openTopicOf } from '../../model/topics';
import { findUsers } from '../../model/users';
import { SYSTEM_USER } from '../../model/values/identifiers';
import {
  type ContentSource,
  contentText,
  MESSAGE_TYPE,
  type MessageInput,
} from '../../model/values/message-content';
import { mayChangeMembers } from '../access/may-change';
import { mayWrite } from '../access/may-write';
import { type Principal } from '../access/tokens';
import { type MembersChange, type Stored } from '../delivery/announce-stored';
import { filesOfCopy, NamedFiles } from '../files/named-files';
import { forwardedContent } from '../sending/forwarded-content';
import { storedMessages } from '../sending/send';
import { type Services } from '../services';
import { applyMembersChange, knownParticipants, type ParticipantInput } from '../sessions/participants';
import { checkNewSession, insertSession } from '../sessions/sessions';

export type TopicMessage = MessageInput & { sender_id?: string | undefined; source?: ContentSource };

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

type Parts = Pick<
  Services,
  'announceStored' | 'database' | 'fileLinks' | 'noticePlan' | 'rate' | 'wantedEvents'
>;

/** So many characters of forwarded messages may come with a start: a body is small, but each forward in it may copy 256 KiB. */
const MAX_COPIED = 1024 * 1024;

/**
 * Starts a topic, in a session that exists or is made for it, and writes its type 6 message and `messages`: all or nothing.
 * @throws AppError `not_found`, `forbidden`, `validation_failed`, `rate_limited`; `conflict` when the session has an open
 * topic, the id is used, or the pair has a p2p session
 */
export async function startTopic(
  parts: Parts,
  principal: Principal,
  topicId: string,
  input: TopicInput,
): Promise<TopicRow> {
  const { announceStored, database, rate } = parts;
  const starter = starterOf(principal, input);
  const sent = input.messages?.length ?? 0;
  if (principal.kind === 'user' && sent > 0) rate.take(principal.id, sent);
  try {
    const { stored, topic } = await database.transaction((trx) =>
      storeTopic(parts, trx, principal, topicId, input, starter),
    );
    announceStored(stored);
    return topic;
  } catch (error) {
    if (!database.dialect.isUniqueViolation(error)) throw error;
    throw conflict('The topic, its session or the pair of its session exists already.');
  }
}

/** Who starts it: the user, or `user_id`, or the first message's sender, or null for the platform. */
function starterOf(principal: Principal, input: TopicInput): string | null {
  if (principal.kind === 'backend') return input.user_id ?? input.messages?.[0]?.sender_id ?? null;
  const others = [input.user_id, ...(input.messages ?? []).map((message) => message.sender_id)];
  if (others.some((id) => id !== undefined && id !== principal.id))
    throw forbidden('A user acts for nobody but itself.');
  return principal.id;
}

async function storeTopic(
  { database, fileLinks, noticePlan, wantedEvents }: Parts,
  trx: Transaction<Schema>,
  principal: Principal,
  topicId: string,
  input: TopicInput,
  starter: string | null,
): Promise<{ topic: TopicRow; stored: Stored }> {
  const { dialect } = database;
  const run = runIn(trx, dialect);
  const byBackend = principal.kind === 'backend';
  const events = new Events(wantedEvents);
  const { members, session } = await sessionForTopic(trx, run, database, principal, input, events);
  if (input.user_id !== undefined && !session.members.has(input.user_id)) throw notFound('user');
  const messages = (input.messages ?? []).map((message) => ({
    message,
    // The platform's own messages name no sender.
    senderId: message.sender_id ?? (principal.kind === 'user' ? principal.id : null),
  }));
  const faults = new Faults();
  for (const [index, { message, senderId }] of messages.entries()) {
    try {
      mayWrite(session, { id: senderId, byBackend }, message.type, `messages.${index}.sender_id`);
    } catch (error) {
      faults.keep(error);
    }
  }
  faults.raise();
  mayWrite(session, { id: starter, byBackend }, MESSAGE_TYPE.topicStart, 'user_id');
  const contents = await contentsOf(run, dialect, messages);
  if ((await findTopic(trx, topicId)) !== undefined) throw conflict('A topic with this id exists.');
  if ((await openTopicOf(trx, session.row.id)) !== undefined)
    throw conflict('The session has an open topic.');

  const names = await findUsers(
    trx,
    [starter, ...messages.map(({ senderId }) => senderId)].filter((id) => id !== null),
  );
  const sender = (id: string | null) => ({
    senderId: id ?? SYSTEM_USER.id,
    senderName: id === null ? SYSTEM_USER.name : (names.get(id)?.name ?? id),
    client: null,
  });

  const opening = new Append(dialect, noticePlan, events);
  const start = opening.add(session, {
    ...sender(starter),
    type: MESSAGE_TYPE.topicStart,
    content: JSON.stringify({ topic_id: topicId, name: input.name }),
  });
  events.add(session, 'topic.started', { topicId });
  await opening.store(run);
  session.row.unreplied_topic_id = topicId;
  await insertTopic(trx, topicId, input, start);
  const rest = new Append(dialect, noticePlan, events);
  const said: Appended[] = [];
  for (const { content, files, senderId, type } of contents)
    said.push(rest.add(session, { ...sender(senderId), type, content, files }));
  await rest.store(run);
  await trx
    .updateTable('sessions')
    .set({ status: 1, unreplied_topic_id: session.row.unreplied_topic_id })
    .where('id', '=', session.row.id)
    .execute();
  await events.store(run);
  const topic = await findTopic(trx, topicId);
  if (topic === undefined) throw new Error('a topic that was just inserted is gone');
  const stored = {
    members,
    messages: storedMessages(session, [start, ...said], fileLinks),
    topic,
    repliedTopics: rest.repliedTopics,
    notices: {
      dueNow: opening.notices.dueNow || rest.notices.dueNow,
      skipped: opening.notices.skipped + rest.notices.skipped,
    },
  };
  return { topic, stored };
}

async function insertTopic(
  trx: Transaction<Schema>,
  id: string,
  input: TopicInput,
  { row: start }: Appended,
): Promise<void> {
  await trx
    .insertInto('topics')
    .values({
      id,
      session_id: start.session_id,
      name: input.name,
      description: input.description ?? null,
      type: input.type,
      create_time: start.timestamp,
      start_message_id: start.id,
      open_session_id: start.session_id,
    })
    .execute();
}

/** The messages with their contents as JSON text, copies in the place of forwards, and the files that they name. */
async function contentsOf(
  run: Run,
  dialect: Services['database']['dialect'],
  messages: readonly { message: TopicMessage; senderId: string | null }[],
): Promise<{ type: number; senderId: string | null; content: string; files: string[] }[]> {
  const naming = ({ message: { content, type }, senderId }: (typeof messages)[number]) => ({
    type,
    content,
    senderId,
  });
  const named = await NamedFiles.lock(run, dialect, messages.map(naming));
  const contents = [];
  const faults = new Faults();
  let copied = 0;
  for (const [index, each] of messages.entries()) {
    const { message, senderId } = each;
    const { type } = message;
    const path = `messages.${index}.content`;
    try {
      if (type !== MESSAGE_TYPE.forwarded) {
        const files = named.allowed(naming(each), path);
        contents.push({ type, senderId, content: contentText(message, message.source), files });
        continue;
      }
      const content = await forwardedContent(run, dialect, message.content, senderId, path);
      copied += content.length;
      // No more is read then.
      if (copied > MAX_COPIED) break;
      contents.push({ type, senderId, content, files: await filesOfCopy(run, dialect, type, content, path) });
    } catch (error) {
      faults.keep(error);
    }
  }
  faults.raise();
  if (copied > MAX_COPIED)
    throw invalidField(`messages.${contents.length}.content`, 'too much is forwarded at once');
  return contents;
}

/** The session of a new topic, locked: with those added who were missing, or made. */
async function sessionForTopic(
  trx: Transaction<Schema>,
  run: Run,
  { dialect }: Services['database'],
  principal: Principal,
  input: TopicInput,
  events: Events,
): Promise<{ session: LockedSession; members: MembersChange | undefined }> {
  const session = await lockSession(run, dialect, input.session_id);
  if (session !== undefined) {
    if (principal.kind === 'user' && !session.members.has(principal.id)) throw notFound('session');
    const isMissing = ({ id }: { id: string }) => !session.members.has(id);
    if (input.participants?.some(isMissing) === true) mayChangeMembers(principal, session);
    const named = await knownParticipants(trx, principal, input.participants ?? [], 'participants');
    const missing = named.filter(isMissing);
    if (missing.length > 0 && session.row.type === SESSION_TYPE.p2p)
      throw conflict('The participants of a p2p session do not change.');
    const added = await applyMembersChange(trx, dialect, session, missing, [], events);
    return { session, members: added.length === 0 ? undefined : await membersChange(trx, session, added) };
  }
  const { participants, session_name: name, session_type: type } = input;
  if (name === undefined || type === undefined || participants === undefined || participants.length === 0)
    throw notFound('session');
  const sessionInput = { id: input.session_id, type, name, participants };
  checkNewSession(principal, sessionInput);
  const known = await knownParticipants(trx, principal, participants, 'participants');
  const [first, second] = known;
  if (type === SESSION_TYPE.p2p && first && second && (await findPair(trx, pairOf(first.id, second.id))))
    throw conflict('These two have a p2p session.');
  await insertSession(trx, dialect, sessionInput, known);
  const made = await lockSession(run, dialect, input.session_id);
  if (made === undefined) throw new Error('a session that was just inserted is gone');
  return { session: made, members: await membersChange(trx, made, known) };
}

async function membersChange(
  trx: Transaction<Schema>,
  { row }: LockedSession,
  added: MembersChange['added'],
): Promise<MembersChange> {
  return {
    sessionId: row.id,
    added,
    removed: [],
    participants: await participantsOf(trx, row.id),
    lastMessageId: row.last_message_id,
  };
}
