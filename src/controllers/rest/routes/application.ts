import { z } from 'zod';
import { actingUser, requireUser } from '../../../commands/access/access';
import { userId } from '../../../model/values/identifiers';
import { unreadCounts } from '../../../model/unread';
import { type Route, route } from '../route';
import { onUser } from '../schemas';

const badge = z.object({ user_id: userId, badge_no: z.number().int() }).meta({ id: 'Badge' });

export const applicationRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/badge_no',
    who: 'user',
    summary: "The app's badge: unread messages over all of the user's sessions",
    query: onUser,
    problems: ['forbidden', 'not_found'],
    responses: { 200: { description: 'the badge', schema: badge } },
    handle: async ({ context, principal, query }) => {
      const id = actingUser(principal, query.user_id);
      const db = context.database.kysely;
      await requireUser(db, principal, id);
      const counts = await unreadCounts(db, id);
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      return { status: 200, body: { user_id: id, badge_no: total } };
    },
  }),
];
