import should from 'should';
import supertest from 'supertest';
import { API_GROUPS } from '../../src/controllers/rest/routes/groups';
import { type JsonSchema, SchemaComponents } from '../../src/controllers/rest/documentation/json-schema';
import {
  type OpenApi,
  type Operation,
  type Response,
} from '../../src/controllers/rest/documentation/openapi';
import { exampleProblem, problem } from '../../src/controllers/rest/documentation/problems';
import { ERROR_CODES } from '../../src/errors';
import { TestServer } from '../support/server';
import { z } from 'zod';
import { ROUTES } from './api';

describe('OpenAPI', () => {
  let server: TestServer;
  let document: OpenApi;
  let headers: Record<string, string>;
  before(async () => {
    server = await TestServer.start();
    const response = await supertest(server.url).get('/api/v2/openapi.json');
    response.status.should.equal(200);
    [document, headers] = [response.body as OpenApi, response.headers];
  });
  after(() => server.stop());

  /** The place of a route in the document. */
  const address = (full: string) => `/api/v2${full}`.replace(/\/$/, '').replaceAll(/:(\w+)/g, '{$1}');
  const operations = (): { path: string; method: string; operation: Operation }[] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
  const follow = (reference: string): unknown =>
    reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((place, key) => (place as Record<string, unknown>)[key], document);

  it('is JSON for everybody, of version 3.1', () => {
    headers['content-type']!.should.equal('application/json; charset=utf-8');
    document.openapi.should.match(/^3\.1\.\d+$/);
    should(document.info.version).equal('2.0.0');
  });

  it('documents every route that is mounted, and mounts every route that is documented', () => {
    const mounted = ROUTES.map(({ full, method }) => `${method} ${address(full)}`);
    const documented = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    documented.sort().should.eql(mounted.sort());
  });

  it('holds only what OpenAPI 3.1 knows, where it knows it', () => {
    const keys = (value: object) => Object.keys(value);
    keys(document).should.eql(['openapi', 'info', 'servers', 'tags', 'paths', 'components']);
    const ids = new Set<string>();
    for (const { path, operation } of operations()) {
      const known = [
        'operationId',
        'tags',
        'summary',
        'description',
        'security',
        'parameters',
        'requestBody',
        'responses',
      ];
      known.should.containDeep(keys(operation));
      ids.has(operation.operationId).should.be.false(operation.operationId);
      ids.add(operation.operationId);
      operation.summary.should.not.match(/\.$/);
      should(document.tags.map(({ name }) => name)).containDeep(operation.tags);
      for (const scheme of operation.security.flatMap(keys))
        keys(document.components.securitySchemes).should.containEql(scheme);
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
      inPath.map(({ name }) => name).should.eql([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      inPath.every(({ required }) => required).should.be.true();
      new Set(operation.parameters.map(({ in: place, name }) => `${place} ${name}`)).size.should.equal(
        operation.parameters.length,
      );
      for (const [status, response] of Object.entries(operation.responses)) {
        status.should.match(/^[245]\d\d$/);
        const shown = ('$ref' in response ? follow(response.$ref) : response) as Response;
        shown.description.should.be.a.String().and.not.be.empty();
        for (const content of keys(shown.content ?? {}))
          content.should.match(/^application\/(problem\+)?json$/);
      }
    }
    for (const name of [document.components.schemas, document.components.responses].flatMap(keys)) {
      name.should.match(/^[A-Za-z0-9._-]+$/);
    }
  });

  it('every reference leads to something', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, reference]) => reference!,
    );
    references.length.should.be.above(100);
    for (const reference of new Set(references)) should(follow(reference)).be.an.Object();
  });

  it('every schema is one that JSON Schema knows, and can be read back', () => {
    let schemas = 0;
    const visit = (schema: JsonSchema) => {
      schemas += 1;
      // Throws for what is no JSON Schema.
      const wrapped = { $defs: document.components.schemas, ...schema };
      z.fromJSONSchema(
        JSON.parse(JSON.stringify(wrapped).replaceAll('#/components/schemas/', '#/$defs/')) as never,
      );
      if (schema.type === 'integer') should(schema.pattern).be.undefined();
      should(schema).not.have.property('example');
    };
    for (const schema of Object.values(document.components.schemas)) visit(schema);
    for (const { operation } of operations()) {
      for (const { schema } of operation.parameters) visit(schema);
      const body = operation.requestBody?.content['application/json'];
      if (body !== undefined) visit(body.schema);
    }
    schemas.should.be.above(60);
  });

  it('numbers in queries are integers with their limits', () => {
    const parameters = document.paths['/api/v2/sessions/recent']!.get!.parameters;
    const schemaOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.schema;
    should(schemaOf('limit')).eql({ type: 'integer', minimum: 1, maximum: 200, default: 50 });
    should(schemaOf('days')).eql({ type: 'integer', minimum: 1, maximum: 3650, default: 30 });
    should(schemaOf('cursor')).eql({ type: 'string', maxLength: 1024 });
  });

  for (const { body, example, full, method, responses } of ROUTES) {
    it(`${method} ${full}: the examples fit their schemas`, () => {
      const operation = document.paths[address(full)]![method.toLowerCase()]!;
      const sent = operation.requestBody?.content['application/json'];
      should(sent === undefined).equal(body === undefined);
      if (body !== undefined) {
        body.safeParse(sent?.example).success.should.be.true();
        should(example).be.an.Object();
        if (example !== undefined) should(sent?.example).eql(example);
        should(operation.requestBody?.required).equal(!body.safeParse({}).success);
      }
      for (const [status, { schema }] of Object.entries(responses)) {
        const shown = operation.responses[status] as Response;
        const media = shown.content?.['application/json'];
        should(media === undefined).equal(schema === null);
        if (schema === null) continue;
        const parsed = schema.safeParse(media?.example);
        parsed.success.should.be.true(JSON.stringify(parsed.error));
        should(parsed.data).eql(media?.example);
      }
    });
  }

  it('problems: each code is shown with its own status and an example that fits', () => {
    for (const code of ERROR_CODES) should(problem.parse(exampleProblem(code))).eql(exampleProblem(code));
    for (const response of Object.values(document.components.responses)) {
      const { example, schema } = response.content!['application/problem+json']!;
      problem.safeParse(example).success.should.be.true();
      should(schema).eql({ $ref: '#/components/schemas/Problem' });
    }
    const { responses } = document.paths['/api/v2/sessions/{session_id}/messages']!.post!;
    Object.keys(responses).should.eql([
      '200',
      '201',
      '400',
      '401',
      '403',
      '404',
      '413',
      '415',
      '429',
      '500',
      '503',
    ]);
  });

  it('a schema whose id is used twice for different things is refused', () => {
    const components = new SchemaComponents();
    const twice = [z.object({ a: z.string() }), z.object({ b: z.string() })];
    components.of(z.object({ item: twice[0]!.meta({ id: 'TwiceUsed' }) }), 'output');
    should(() => components.of(z.object({ item: twice[1]!.meta({ id: 'TwiceUsed' }) }), 'output')).throw(
      /TwiceUsed/,
    );
  });

  it('the groups are the three of the seed, and files', () => {
    API_GROUPS.map(({ base }) => base).should.eql([
      '/api/v2/application',
      '/api/v2/users',
      '/api/v2/sessions',
      '/api/v2/files',
    ]);
  });
});
