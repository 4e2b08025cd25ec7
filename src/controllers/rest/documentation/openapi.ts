import { type z } from 'zod';
import { AppError, type ErrorCode } from '../../../errors';
import {
  clientId,
  eventId,
  messageId,
  rowId,
  sessionId,
  topicId,
  userId,
} from '../../../model/values/identifiers';
import { VERSION } from '../../../version';
import { type Group } from '../routes/groups';
import { exampleOf, type JsonSchema, SchemaComponents } from './json-schema';
import { exampleProblem, problem, problemsOf } from './problems';
import { type Route, TAKES_CURRENT, type Who } from '../route';
import { wire } from '../schemas';
import { webhookOperations } from './webhooks';
import { operationName } from './operation-name';

/** The parts of an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0) that are used here. */
export interface OpenApi {
  openapi: string;
  info: {
    title: string;
    version: string;
    description: string;
    contact: { name: string };
    license: { name: string; identifier: string };
  };
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  /** What the server sends, by the type of the event. */
  webhooks: Record<string, { post: WebhookOperation }>;
  components: {
    schemas: Record<string, JsonSchema>;
    responses: Record<string, Response>;
    headers: Record<string, { description: string; schema: JsonSchema }>;
    securitySchemes: Record<string, Record<string, string>>;
  };
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: Record<string, never[]>[];
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, Response | { $ref: string }>;
}

export interface WebhookOperation {
  operationId: string;
  summary: string;
  description: string;
  security: [];
  parameters: { name: string; in: 'header'; required: boolean; description: string; schema: JsonSchema }[];
  requestBody: { required: boolean; content: Content };
  responses: Record<string, { description: string }>;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query';
  required: boolean;
  description?: string;
  schema: JsonSchema;
}

export interface Response {
  description: string;
  headers: Record<string, { $ref: string }>;
  content?: Content;
}

export type Content = Record<string, { schema: JsonSchema; example?: unknown }>;

const PATH_PARAMETERS: Record<string, z.ZodType> = {
  user_id: userId,
  session_id: sessionId,
  topic_id: topicId,
  participant_id: userId,
  message_id: messageId,
  client_id: clientId,
  notice_id: rowId,
  file_id: wire.file.shape.id,
  event_id: eventId,
};

const WHO: Record<Who, string> = {
  user: 'A user for itself, or the backend.',
  backend: 'The backend only.',
  open: 'The backend only; in the `dev` profile, anybody.',
};

const DESCRIPTION =
  'Messages between family doctors and their patients. The platform’s backend sends `X-IM-App-Key`; ' +
  'a user sends the token that the backend got for it by logging it in. ' +
  'Errors are RFC 9457 problems, whose `code` a program can rely on.';

const TAGS: Readonly<Record<string, string>> = {
  Application: 'Badge, notices and what else concerns the app as a whole',
  Users: 'Profiles, logging in and out, who is online',
  Sessions: 'Conversations: with a fixed type and changing participants',
  Messages: 'Sending, history, unread messages',
  Topics: 'Consultations inside a session, from a start message to an end message',
  Participants: 'Who takes part in a session',
};

/** The document of all routes, made of the schemas that check the requests. */
export function openApiDocument(groups: readonly Group[]): OpenApi {
  const schemas = new SchemaComponents();
  const problems: Record<string, Response> = {};
  const paths: OpenApi['paths'] = {};
  const tags: OpenApi['tags'] = [];
  for (const { base, sections } of groups) {
    for (const [tag, routes] of Object.entries(sections)) {
      tags.push({ name: tag, description: TAGS[tag] ?? tag });
      for (const route of routes) {
        const path = (base + route.path.replace(/\/$/, '')).replaceAll(/:(\w+)/g, '{$1}');
        const operation = operationOf(route, path, tag, schemas, problems);
        paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation };
      }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Family doctor IM',
      version: VERSION,
      description: DESCRIPTION,
      contact: { name: 'Whoever runs this server' },
      license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
    },
    servers: [{ url: '/' }],
    tags,
    paths,
    webhooks: webhookOperations(schemas),
    components: {
      schemas: schemas.schemas,
      responses: problems,
      headers: {
        'X-Request-Id': { description: "The request's id, also in the log", schema: { type: 'string' } },
        'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' } },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        appKey: { type: 'apiKey', in: 'header', name: 'X-IM-App-Key' },
      },
    },
  };
}

function operationOf(
  route: Route,
  path: string,
  tag: string,
  schemas: SchemaComponents,
  problems: Record<string, Response>,
): Operation {
  return {
    operationId: operationName(route.method, path),
    tags: [tag],
    summary: route.summary,
    description: WHO[route.who],
    security: route.who === 'user' ? [{ bearer: [] }, { appKey: [] }] : [{ appKey: [] }],
    parameters: [...pathParameters(route, schemas), ...queryParameters(route, schemas)],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route, route.body, schemas) }),
    ...(route.multipart === undefined ? {} : { requestBody: multipartBody(route.multipart, schemas) }),
    responses: { ...answersOf(route, schemas), ...problemResponses(route, schemas, problems) },
  };
}

function pathParameters(route: Route, schemas: SchemaComponents): Parameter[] {
  return [...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => {
    const schema = PATH_PARAMETERS[name];
    if (schema === undefined) throw new Error(`no schema for the path parameter ${name}`);
    const orCurrent = name === 'topic_id' && route.path === TAKES_CURRENT;
    return {
      name,
      in: 'path',
      required: true,
      ...(orCurrent ? { description: "or `current`: the session's last topic" } : {}),
      schema: schemas.of(schema, 'input'),
    };
  });
}

function queryParameters(route: Route, schemas: SchemaComponents): Parameter[] {
  if (route.query === undefined) return [];
  const { properties = {}, required = [] } = schemas.of(route.query, 'input');
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function requestBody(route: Route, body: z.ZodType, schemas: SchemaComponents): Operation['requestBody'] {
  const schema = schemas.of(body, 'input');
  return {
    required: !body.safeParse({}).success,
    content: { 'application/json': { schema, example: route.example ?? exampleOf(schema, schemas) } },
  };
}

function multipartBody(parts: z.ZodObject, schemas: SchemaComponents): Operation['requestBody'] {
  return { required: true, content: { 'multipart/form-data': { schema: schemas.of(parts, 'input') } } };
}

const REQUEST_ID_HEADER = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };

function answersOf(route: Route, schemas: SchemaComponents): Record<string, Response> {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, schema: answer }]) => {
      const response: Response = { description, headers: REQUEST_ID_HEADER };
      if (answer !== null) {
        const schema = schemas.of(answer, 'output');
        response.content = { 'application/json': { schema, example: exampleOf(schema, schemas) } };
      }
      return [status, response];
    }),
  );
}

/** One response a status; the same codes are one component for all routes. */
function problemResponses(
  route: Route,
  schemas: SchemaComponents,
  components: Record<string, Response>,
): Record<string, { $ref: string }> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of problemsOf(route)) {
    const { status } = new AppError(code, '');
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const name = codes.join('.');
      components[name] ??= problemResponse(codes, status, schemas);
      return [status, { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function problemResponse(codes: readonly ErrorCode[], status: number, schemas: SchemaComponents): Response {
  const retry = status === 429 || status === 503;
  const [code] = codes;
  return {
    description: codes.map((each) => `\`${each}\``).join(' or '),
    headers: {
      ...REQUEST_ID_HEADER,
      ...(retry ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } : {}),
    },
    content: {
      'application/problem+json': {
        schema: schemas.of(problem, 'output'),
        ...(code === undefined ? {} : { example: exampleProblem(code) }),
      },
    },
  };
}
