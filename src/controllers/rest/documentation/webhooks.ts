import { z } from 'zod';
import { messageId, sessionId, userId } from '../../../model/values/identifiers';
import { EVENT_TYPES, type EventType } from '../../../resources/config/webhook';
import { time, wire } from '../schemas';
import { exampleOf, type SchemaComponents } from './json-schema';
import { type OpenApi } from './openapi';

const message = wire.message
  .partial({ content: true, client_msg_id: true })
  .meta({ id: 'WebhookMessage', description: 'the last two with IM_WEBHOOK_CONTENT=full alone' });
const topic = wire.topic
  .partial({ name: true, description: true })
  .meta({ id: 'WebhookTopic', description: 'name and description with IM_WEBHOOK_CONTENT=full alone' });

/** When an event comes, and what its `data` has beside the session and the sequence. */
const EVENTS: Record<EventType, { summary: string; data: z.ZodRawShape }> = {
  'message.created': { summary: 'A message was stored', data: { message } },
  'message.recalled': { summary: 'A message was taken back', data: { message } },
  'topic.started': { summary: 'A topic was started', data: { topic } },
  'topic.replied': { summary: 'A topic got its first reply', data: { topic } },
  'topic.ended': { summary: 'A topic was ended', data: { topic } },
  'topic.overdue': { summary: 'A topic waits too long for its first reply', data: { topic } },
  'participants.changed': {
    summary: 'Participants came or went',
    data: { added: z.array(userId), removed: z.array(userId) },
  },
  'call.ended': {
    summary: 'A call ended',
    data: {
      call_id: z.string(),
      result: z.enum(['completed', 'cancelled', 'rejected', 'missed']),
      duration: z.number().int().meta({ description: 'seconds since the accept', example: 95 }),
    },
  },
  'notice.failed': {
    summary: 'A notice to somebody who is away was given up',
    data: {
      user_id: userId,
      message_id: messageId.nullable().meta({ description: "null for a call's" }),
      channel: z.enum(['wechat', 'getui']),
      error: z.string().nullable(),
    },
  },
};

const HEADERS = {
  'webhook-id': "the event's id, the same over retries",
  'webhook-timestamp': 'seconds since 1970, of this try',
  'webhook-signature':
    '`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, one for each key, separated by blanks',
};

/** What the platform gets at `IM_WEBHOOK_URL`. */
export function webhookOperations(schemas: SchemaComponents): OpenApi['webhooks'] {
  const parameters = Object.entries(HEADERS).map(([name, description]) => ({
    name,
    in: 'header' as const,
    required: true,
    description,
    schema: { type: 'string' },
  }));
  return Object.fromEntries(
    EVENT_TYPES.map((type) => {
      const { data, summary } = EVENTS[type];
      const body = z.object({
        type: z.literal(type),
        timestamp: time,
        data: z.object({ ...data, session_id: sessionId, sequence: z.number().int().meta({ example: 17 }) }),
      });
      const schema = schemas.of(body, 'output');
      const post = {
        operationId: `webhook_${type.replace('.', '_')}`,
        summary,
        description: 'Sent as Standard Webhooks 1.0.0 has it; see doc/webhooks.md.',
        // The signature's header shows who sent it: none of the API's credentials is with it.
        security: [] as [],
        parameters,
        requestBody: {
          required: true,
          content: { 'application/json': { schema, example: exampleOf(schema, schemas) } },
        },
        responses: {
          '2XX': { description: 'The event was taken.' },
          410: { description: 'The process sends nothing more until it is restarted.' },
          default: { description: 'The event is sent again later.' },
        },
      };
      return [type, { post }];
    }),
  );
}
