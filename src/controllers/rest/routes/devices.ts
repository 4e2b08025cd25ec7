import { z } from 'zod';
import { actingUser, requireUser } from '../../../commands/access/access';
import { notFound } from '../../../errors';
import { clientId } from '../../../model/values/identifiers';
import { devicesOf, removeDevice } from '../../../model/devices';
import { deviceView } from '../../../views/user';
import { type Route, route } from '../route';
import { listOf, time } from '../schemas';

const device = z
  .object({
    client_id: clientId,
    platform: z.enum(['ios', 'android']),
    in_background: z.boolean(),
    update_time: time,
    state: z
      .enum(['active', 'retired'])
      .meta({ description: 'retired: the push service knows it no longer, until it is named again' }),
  })
  .meta({ id: 'Device' });

/** The phones that pushes go to. */
export const deviceRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/:user_id/devices',
    who: 'user',
    summary: "The user's phones that pushes go to, the one named last first",
    problems: ['forbidden'],
    responses: {
      200: { description: 'the devices', schema: listOf(device) },
    },
    handle: async ({ context, principal, params }) => {
      const db = context.database.kysely;
      const id = actingUser(principal, params.user_id);
      await requireUser(db, principal, id);
      return { status: 200, body: { items: (await devicesOf(db, id)).map(deviceView), next: null } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/:user_id/devices/:client_id',
    who: 'user',
    summary: 'Push to this phone no longer, until it is named again',
    problems: ['forbidden'],
    responses: { 204: { description: 'removed', schema: null } },
    handle: async ({ context, principal, params }) => {
      const db = context.database.kysely;
      const id = actingUser(principal, params.user_id);
      await requireUser(db, principal, id);
      if (!(await removeDevice(db, id, params.client_id ?? ''))) throw notFound('device');
      return { status: 204 };
    },
  }),
];
