import { z } from 'zod';
import { actingUser, visibleUser } from '../../../commands/access/access';
import { login, putUser, setUserStatus, userStatus } from '../../../commands/access/users';
import { notifyUser } from '../../../commands/sessions/notify-user';
import { toIso, laterOf, toSqlTime } from '../../../db/time';
import { clientId, userId } from '../../../model/values/identifiers';
import { sourceAt } from '../../../model/values/json-source';
import { systemContent } from '../../../model/values/message-content';
import { httpUrl, name, text } from '../../../model/values/text';
import { removeDeviceOfToken, removeDevicesOf } from '../../../model/devices';
import { lastConsultTime } from '../../../model/participants';
import { findUserState } from '../../../model/users';
import { RawJson } from '../../../views/message';
import { userView } from '../../../views/user';
import { type Route, route } from '../route';
import { clientMsgId, day, onUser, platform, time, userType, wire } from '../schemas';

const loginBody = z.object({
  user_id: userId,
  user_type: userType,
  platform: platform.optional(),
  client_id: clientId.optional(),
});

const loginAnswer = z
  .object({
    token: z
      .string()
      .meta({ example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX3R5cGUiOiJkb2N0b3Ii….bXk' }),
    token_type: z.literal('Bearer'),
    expires_at: time,
    user: wire.user,
  })
  .meta({ id: 'Login' });

const profileBody = z.object({
  type: userType,
  name,
  sex: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(9)]).optional(),
  birthdate: day.nullable().optional(),
  avatar: httpUrl.nullable().optional(),
  openid: text(1, 128).nullable().optional(),
});

const statusBody = z.object({
  in_background: z.boolean(),
  client_id: clientId.optional(),
  platform: platform.optional(),
});

const noticeBody = z.object({
  title: text(1, 100).optional(),
  content: systemContent,
  client_msg_id: clientMsgId.optional(),
});

const consultTime = z
  .object({
    user_id: userId,
    last_active_time: time.nullable(),
    last_consult_time: time.nullable(),
  })
  .meta({ id: 'ConsultTime' });

export const userRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/login',
    who: 'open',
    summary: 'Log a user in whom the platform has checked (in dev: anybody, and unknown users are made)',
    body: loginBody,
    example: { user_id: 'D2016008240003', user_type: 'doctor', platform: 'ios' },
    problems: ['not_found'],
    responses: { 200: { description: 'a token, valid for 7 days', schema: loginAnswer } },
    handle: async ({ context, body }) => {
      const { token, expiresAt, user } = await login(context, {
        userId: body.user_id,
        userType: body.user_type,
        platform: body.platform,
        clientId: body.client_id,
      });
      return {
        status: 200,
        body: {
          token,
          token_type: 'Bearer',
          expires_at: new Date(expiresAt).toISOString(),
          user: userView(user, false),
        },
      };
    },
  }),
  route({
    method: 'POST',
    path: '/logout',
    who: 'user',
    summary: 'Revoke the token given; the backend revokes all tokens of a user',
    body: onUser,
    example: { user_id: 'D2016008240003' },
    problems: ['forbidden', 'not_found'],
    responses: { 204: { description: 'revoked, in every process', schema: null } },
    handle: async ({ context, principal, body }) => {
      const id = actingUser(principal, body.user_id);
      const db = context.database.kysely;
      // First of all: what is cut off in between is asked for again, with a token that still holds.
      if (principal.kind === 'user') {
        await removeDeviceOfToken(db, id, principal.tokenId);
        context.deliver.listeners.closeRevoked(id, await context.tokens.revoke(principal));
      } else {
        await visibleUser(db, principal, id);
        await removeDevicesOf(db, id);
        context.deliver.listeners.closeRevoked(id, await context.tokens.revokeAll(id));
      }
      await context.tokens.heardEverywhere();
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/:user_id',
    who: 'user',
    summary: 'A profile: oneself, or someone one shares a session with',
    responses: { 200: { description: 'the user', schema: wire.user } },
    handle: async ({ context, principal, params }) => {
      const user = await visibleUser(context.database.kysely, principal, params.user_id ?? '');
      return { status: 200, body: userView(user, principal.kind === 'backend') };
    },
  }),
  route({
    method: 'PUT',
    path: '/:user_id',
    who: 'backend',
    summary: 'Make or change a profile',
    body: profileBody,
    example: {
      type: 'patient',
      name: '王小明',
      sex: 1,
      birthdate: '1960-05-17',
      openid: 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M',
    },
    problems: ['conflict'],
    responses: {
      201: { description: 'made', schema: wire.user },
      200: { description: 'changed', schema: wire.user },
    },
    handle: async ({ context, params, body }) => {
      const { type, ...profile } = body;
      const { user, created } = await putUser(context, params.user_id ?? '', type, profile);
      return { status: created ? 201 : 200, body: userView(user, true) };
    },
  }),
  route({
    method: 'GET',
    path: '/:user_id/status',
    who: 'user',
    summary: 'Whether a user is online: oneself, or someone one shares a session with',
    responses: { 200: { description: 'the status', schema: wire.status } },
    handle: async ({ context, principal, params }) => {
      const user = await visibleUser(context.database.kysely, principal, params.user_id ?? '');
      return { status: 200, body: await userStatus(context, user.id) };
    },
  }),
  route({
    method: 'PUT',
    path: '/:user_id/status',
    who: 'user',
    summary: "What the user's app says of itself",
    body: statusBody,
    example: { in_background: true, platform: 'ios' },
    problems: ['forbidden'],
    responses: { 200: { description: 'the status', schema: wire.status } },
    handle: async ({ context, principal, params, body }) => ({
      status: 200,
      body: await setUserStatus(context, actingUser(principal, params.user_id), {
        inBackground: body.in_background,
        clientId: body.client_id,
        platform: body.platform,
        tokenId: principal.kind === 'user' ? principal.tokenId : null,
      }),
    }),
  }),
  route({
    method: 'POST',
    path: '/:user_id/notices',
    who: 'backend',
    summary: "Tell one user something, in the user's own session for notices; it is made where there is none",
    body: noticeBody,
    example: { title: '签约成功', content: '您已与家庭医生签约。', client_msg_id: 'sign-20261122-17' },
    responses: {
      201: { description: 'stored', schema: wire.message },
      200: { description: 'a repeat: the message stored before', schema: wire.message },
    },
    handle: async ({ context, params, body, bodyText }) => {
      const { client_msg_id: clientMsgId, content, title } = body;
      const source = sourceAt(bodyText, ['content']) ?? JSON.stringify(content);
      const sent = await notifyUser(context, params.user_id ?? '', { title, content, source, clientMsgId });
      return { status: sent.created ? 201 : 200, body: new RawJson(sent.json) };
    },
  }),
  route({
    method: 'GET',
    path: '/:user_id/consult/time',
    who: 'user',
    summary: "The user's latest activity and latest message in a session with a patient",
    problems: ['forbidden'],
    responses: { 200: { description: 'the times', schema: consultTime } },
    handle: async ({ context, principal, params }) => {
      const db = context.database.kysely;
      const id = actingUser(principal, params.user_id);
      await visibleUser(db, principal, id);
      const state = await findUserState(db, id);
      const pending = context.activity.pending(id);
      const active = laterOf(
        state?.last_active_time ?? null,
        pending === undefined ? null : toSqlTime(pending),
      );
      const consult = laterOf(await lastConsultTime(db, id), state?.left_consult_time ?? null);
      return {
        status: 200,
        body: {
          user_id: id,
          last_active_time: active === null ? null : toIso(active),
          last_consult_time: consult === null ? null : toIso(consult),
        },
      };
    },
  }),
];
