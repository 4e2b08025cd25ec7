import { z } from 'zod';
import { visibleSession } from '../../../commands/access/access';
import { changeParticipants, putParticipant } from '../../../commands/sessions/participants';
import { type Services } from '../../../commands/services';
import { type Principal } from '../../../commands/access/tokens';
import { notFound } from '../../../errors';
import { type Participant, participantsOf } from '../../../model/participants';
import { participantView } from '../../../views/session';
import { type Route, route } from '../route';
import { listOf, participants, role, userIds, wire } from '../schemas';

const participantList = listOf(wire.participant);

function avatarView(participant: Participant) {
  return { id: participant.participant_id, name: participant.name, avatar: participant.avatar };
}

/** A session has so few participants that one page holds them all. */
function whole<Item>(items: Item[]): { items: Item[]; next: null } {
  return { items, next: null };
}

async function visibleParticipants(
  context: Services,
  principal: Principal,
  sessionId: string | undefined,
): Promise<Participant[]> {
  const db = context.database.kysely;
  const session = await visibleSession(db, principal, sessionId ?? '');
  return participantsOf(db, session.id);
}

async function visibleParticipant(
  context: Services,
  principal: Principal,
  params: Record<string, string>,
): Promise<Participant> {
  const all = await visibleParticipants(context, principal, params.session_id);
  const found = all.find((each) => each.participant_id === params.participant_id);
  if (found === undefined) throw notFound('participant');
  return found;
}

export const participantRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/:session_id/participants',
    who: 'user',
    summary: 'The participants of a session',
    responses: { 200: { description: 'all of them', schema: participantList } },
    handle: async ({ context, principal, params }) => {
      const all = await visibleParticipants(context, principal, params.session_id);
      return { status: 200, body: whole(all.map(participantView)) };
    },
  }),
  route({
    method: 'POST',
    path: '/:session_id/participants',
    who: 'user',
    summary: 'Add participants; who is there already stays as they are',
    body: z.object({ participants: participants.min(1) }),
    example: { participants: [{ id: 'D2016008240004', role: 0 }] },
    problems: ['forbidden', 'conflict'],
    responses: { 200: { description: 'all of them', schema: participantList } },
    handle: async ({ context, principal, params, body }) => {
      const session = await visibleSession(context.database.kysely, principal, params.session_id ?? '');
      const changed = await changeParticipants(
        context,
        principal,
        session.id,
        { add: body.participants },
        { add: 'participants' },
      );
      return { status: 200, body: whole(changed.participants.map(participantView)) };
    },
  }),
  route({
    method: 'PUT',
    path: '/:session_id/participant/update',
    who: 'user',
    summary: 'Remove and add participants, both or neither',
    body: z.object({ remove: userIds.default([]), add: participants.default([]) }),
    example: { remove: ['D2016008240004'], add: [{ id: 'D2016008240005' }] },
    problems: ['forbidden', 'conflict'],
    responses: { 200: { description: 'all of them', schema: participantList } },
    handle: async ({ context, principal, params, body }) => {
      const session = await visibleSession(context.database.kysely, principal, params.session_id ?? '');
      const changed = await changeParticipants(context, principal, session.id, body);
      return { status: 200, body: whole(changed.participants.map(participantView)) };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/participants/avatars',
    who: 'user',
    summary: 'Names and avatars of all participants',
    responses: { 200: { description: 'all of them', schema: listOf(wire.avatar) } },
    handle: async ({ context, principal, params }) => {
      const all = await visibleParticipants(context, principal, params.session_id);
      return { status: 200, body: whole(all.map(avatarView)) };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/participants/:participant_id',
    who: 'user',
    summary: 'One participant',
    responses: { 200: { description: 'the participant', schema: wire.participant } },
    handle: async ({ context, principal, params }) => ({
      status: 200,
      body: participantView(await visibleParticipant(context, principal, params)),
    }),
  }),
  route({
    method: 'PUT',
    path: '/:session_id/participants/:participant_id',
    who: 'user',
    summary: 'Add a participant, or change its role',
    body: z.object({ role: role.optional() }),
    example: { role: 1 },
    problems: ['forbidden', 'conflict'],
    responses: {
      201: { description: 'added', schema: wire.participant },
      200: { description: 'changed', schema: wire.participant },
    },
    handle: async ({ context, principal, params, body }) => {
      const session = await visibleSession(context.database.kysely, principal, params.session_id ?? '');
      const put = await putParticipant(
        context,
        principal,
        session.id,
        params.participant_id ?? '',
        body.role,
      );
      return { status: put.created ? 201 : 200, body: participantView(put.participant) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/:session_id/participants/:participant_id',
    who: 'user',
    summary: 'Remove a participant, who sees nothing more from then on',
    problems: ['forbidden', 'conflict'],
    responses: { 204: { description: 'removed', schema: null } },
    handle: async ({ context, principal, params }) => {
      const session = await visibleSession(context.database.kysely, principal, params.session_id ?? '');
      const change = { remove: [params.participant_id ?? ''] };
      await changeParticipants(context, principal, session.id, change, {});
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/:session_id/participants/:participant_id/avatars',
    who: 'user',
    summary: 'Name and avatar of one participant',
    responses: { 200: { description: 'the avatar', schema: wire.avatar } },
    handle: async ({ context, principal, params }) => ({
      status: 200,
      body: avatarView(await visibleParticipant(context, principal, params)),
    }),
  }),
];
