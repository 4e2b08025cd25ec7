import { applicationRoutes } from './application';
import { deviceRoutes } from './devices';
import { fileRoutes } from './files';
import { messageRoutes } from './messages';
import { noticeRoutes } from './notices';
import { participantRoutes } from './participants';
import { recallRoutes } from './recalls';
import { type Route } from '../route';
import { sessionRoutes } from './sessions';
import { topicStatisticsRoute } from './topic-statistics';
import { topicRoutes } from './topics';
import { userRoutes } from './users';
import { webhookEventRoutes } from './webhook-events';

export const API_BASE = '/api/v2';

/** Routes under one base. Their `sections` are the headings of the documentation. */
export interface Group {
  base: string;
  name: string;
  sections: Readonly<Record<string, readonly Route[]>>;
  routes: readonly Route[];
}

function group(name: string, sections: Group['sections']): Group {
  return { base: `${API_BASE}/${name}`, name, sections, routes: Object.values(sections).flat() };
}

/** Every route of the API, by the group that it belongs to: what is mounted and what is documented. */
export const API_GROUPS: readonly Group[] = [
  group('application', {
    Application: applicationRoutes,
    Notices: noticeRoutes,
    Webhooks: webhookEventRoutes,
  }),
  group('users', { Users: userRoutes, Devices: deviceRoutes }),
  group('sessions', {
    Sessions: sessionRoutes,
    Messages: [...messageRoutes, ...recallRoutes],
    Topics: [...topicRoutes, topicStatisticsRoute],
    Participants: participantRoutes,
  }),
  group('files', { Files: fileRoutes }),
];
