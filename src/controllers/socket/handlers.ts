import { z } from 'zod';
import { Origin } from '../../commands/delivery/origin';
import { readUpTo } from '../../commands/delivery/read-position';
import { recallMessage } from '../../commands/recalls/recall-message';
import { sendMessage } from '../../commands/sending/send-message';
import { visibleSession } from '../../commands/access/access';
import { type SessionRow } from '../../db/schema';
import { notFound } from '../../errors';
import { messageId, sessionId } from '../../model/values/identifiers';
import { messageInput, messageInputWith } from '../../model/values/message-content';
import { messageTable } from '../../model/message-tables';
import { findMessages, findMessageUpTo } from '../../model/messages';
import { isParticipant } from '../../model/participants';
import { findRecalls } from '../../model/recalls';
import { frame, messageOkFrame } from '../../views/frames';
import { messagePage, RawJson } from '../../views/message';
import { messageNow, readAsTold } from './as-told';
import { passOnTyping } from './typing';
import { withQuickCheck } from '../input';
import { clientMsgId, replyTo } from '../rest/schemas';
import { CALL_HANDLERS } from './call-handlers';
import { parseAbout, type SocketHandler, type SocketRequest } from './socket-request';

const onSession = z.object({ session_id: sessionId.optional() });
const sent = {
  session_id: sessionId.optional(),
  client_msg_id: clientMsgId.optional(),
  reply_to: replyTo,
};
const messageData = withQuickCheck(z.object(sent).and(messageInput), messageInputWith(sent));
const upTo = onSession.extend({ message_id: messageId });
const syncData = onSession.extend({
  after: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  limit: z.number().int().min(1).max(200).default(50),
  recalls_after: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});
const typingData = onSession.extend({ typing: z.boolean() });

const message: SocketHandler = async (call) => {
  const { answer, connection, principal, services } = call;
  const { input, target } = parseAbout(messageData, call);
  const sent = await sendMessage(services, principal, {
    sessionId: target,
    message: input,
    clientMsgId: input.client_msg_id,
    replyTo: input.reply_to ?? undefined,
    origin: new Origin(answer),
  });
  // A new message's answer goes out in its place among the session's messages; see `Origin`.
  if (sent.created) return;
  await readAsTold(
    connection,
    target,
    () => messageNow(services, target, sent.row.id),
    (json) => {
      if (answer.claim()) connection.send(messageOkFrame(json, answer.ref));
    },
  );
};

const recall: SocketHandler = async (call) => {
  const { answer, connection, principal, services } = call;
  const { input, target } = parseAbout(upTo, call);
  const ok = (json: string) => {
    if (answer.claim()) connection.send(frame('recall_ok', { message: new RawJson(json) }, answer.ref));
  };
  const { isNew } = await recallMessage(services, principal, {
    sessionId: target,
    messageId: input.message_id,
    asker: { connection, isWaiting: () => !answer.isGiven, answer: ok },
  });
  if (isNew) return;
  await readAsTold(connection, target, () => messageNow(services, target, input.message_id), ok);
};

/** The session, if the user takes part in it and `id` is not above its newest message. */
async function sessionWith(call: SocketRequest, target: string, id: number): Promise<SessionRow> {
  const { principal, services } = call;
  const session = await visibleSession(services.database.kysely, principal, target);
  if (id > session.last_message_id) throw notFound('message');
  return session;
}

const ack: SocketHandler = async (call) => {
  const { connection, principal, services } = call;
  const { input, target } = parseAbout(upTo, call);
  const told = connection.watches(target) && input.message_id <= connection.lastId(target);
  if (!told) await sessionWith(call, target, input.message_id);
  // Doctors have notices that wait for this where phones are pushed to.
  if (principal.type === 'patient' || services.noticePlan.usesDevices)
    services.acknowledgements.add(target, principal.id, input.message_id);
};

const read: SocketHandler = async (call) => {
  const { connection, principal, services } = call;
  const { input, target } = parseAbout(upTo, call);
  const session = await sessionWith(call, target, input.message_id);
  const newest = await findMessageUpTo(
    services.database.kysely,
    messageTable(session.type),
    session.id,
    input.message_id,
  );
  if (newest !== undefined) await readUpTo(services, session.id, principal.id, newest, connection);
};

const sync: SocketHandler = async (call) => {
  const { answer, connection, principal, services } = call;
  const { input, target } = parseAbout(syncData, call);
  const db = services.database.kysely;
  const session = await visibleSession(db, principal, target);
  const { limit, recalls_after: after } = input;
  await readAsTold(
    connection,
    session.id,
    async () => {
      const found = await findMessages(db, messageTable(session.type), session.id, input);
      // Read after the messages: none of them can be taken back without being among these.
      const recalls = after === undefined ? undefined : await findRecalls(db, session.id, { after, limit });
      return messagePage(found, services.fileLinks, 'first', recalls).json;
    },
    async (page) => {
      if (answer.claim()) await connection.sendAtLength(frame('sync_ok', page, answer.ref));
    },
  );
};

const typing: SocketHandler = async (call) => {
  const { connection, principal, services } = call;
  const { input, target } = parseAbout(typingData, call);
  if (!connection.watches(target) && !(await isParticipant(services.database.kysely, target, principal.id))) {
    throw notFound('session');
  }
  const told = frame('typing', { session_id: target, user_id: principal.id, typing: input.typing });
  passOnTyping(connection, target, () => services.deliver.sessionEvent(target, told, { user: principal.id }));
};

const ping: SocketHandler = ({ answer, connection }) => {
  if (answer.claim()) connection.send(frame('pong', {}, answer.ref));
};

/** Every frame type that a client may send after its login. */
export const SOCKET_HANDLERS: ReadonlyMap<string, SocketHandler> = new Map([
  ['message', message],
  ['recall', recall],
  ['ack', ack],
  ['read', read],
  ['sync', sync],
  ['typing', typing],
  ['ping', ping],
  ...CALL_HANDLERS,
]);
