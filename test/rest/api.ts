import should from 'should';
import { type Response } from 'supertest';
import { API_GROUPS } from '../../src/controllers/rest/routes/groups';
import { problem, problemsOf } from '../../src/controllers/rest/documentation/problems';
import { bySpecificity, matchPath, type Method, type Route } from '../../src/controllers/rest/route';
import { AppError, ERROR_CODES, type ErrorCode } from '../../src/errors';
import { TestServer } from '../support/server';

/** Who makes a request: `backend`, `nobody`, or a user's id. */
export type Caller = string;

export interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers of all shapes
  body: any;
  headers: Record<string, string>;
}

export const BASE = '/api/v2';

/** All routes with their full paths, the more specific first, as they are mounted. */
export const ROUTES: readonly (Route & { full: string; base: string })[] = API_GROUPS.flatMap((group) => {
  const base = group.base.slice(BASE.length);
  return [...group.routes].sort(bySpecificity).map((route) => ({ ...route, base, full: base + route.path }));
});

/** The route that takes a request, if there is one. */
function routeOf(method: string, path: string): Route | undefined {
  const [pathname = ''] = path.split('?');
  return ROUTES.find(
    (route) =>
      route.method === method &&
      pathname.startsWith(route.base) &&
      matchPath(route.path, pathname.slice(route.base.length)) !== undefined,
  );
}

/** A server for a suite, and requests whose every answer is held against what the route declares. */
export class Api {
  readonly #tokens = new Map<string, string>();
  #fresh = 0;

  private constructor(readonly server: TestServer) {}

  static async start(
    environment: Record<string, string> = {},
    changes: Parameters<typeof TestServer.start>[1] = {},
  ): Promise<Api> {
    return new Api(await TestServer.start({ IM_SEND_RATE: '1000000', ...environment }, changes));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** An id that no test has used. */
  fresh(prefix: string): string {
    return `${prefix}-${++this.#fresh}`;
  }

  async token(user: string): Promise<string> {
    const known = this.#tokens.get(user) ?? (await this.server.token(user));
    this.#tokens.set(user, known);
    return known;
  }

  /** A request below /api/v2. @throws when the answer is not as the route and the contract say */
  async call(caller: Caller, method: Method, path: string, body?: unknown): Promise<Answer> {
    const name = method.toLowerCase() as 'get' | 'post' | 'put' | 'delete';
    const token = caller === 'backend' || caller === 'nobody' ? undefined : await this.token(caller);
    const request = this.server.request(name, path, token);
    if (caller === 'nobody') request.unset('X-IM-App-Key');
    const response = await (body === undefined ? request : request.send(body as object));
    checkAnswer(method, path, response);
    return { status: response.status, body: response.body, headers: response.headers };
  }

  get(caller: Caller, path: string): Promise<Answer> {
    return this.call(caller, 'GET', path);
  }

  post(caller: Caller, path: string, body?: unknown): Promise<Answer> {
    return this.call(caller, 'POST', path, body);
  }

  put(caller: Caller, path: string, body?: unknown): Promise<Answer> {
    return this.call(caller, 'PUT', path, body);
  }

  delete(caller: Caller, path: string, body?: unknown): Promise<Answer> {
    return this.call(caller, 'DELETE', path, body);
  }

  /** A new session of these users. @returns its id */
  async session(type: number, ...participants: string[]): Promise<string> {
    const id = this.fresh('s');
    await this.server.session(id, type, ...participants);
    return id;
  }
}

/** Holds a response against the contract's conventions and the route's declaration. */
export function checkAnswer(method: string, path: string, response: Response): void {
  const text = `${method} ${path}: ${response.status} ${response.text}`;
  should(response.headers['x-request-id']).be.a.String().and.not.be.empty();
  const route = routeOf(method, path);
  if (response.status >= 400) {
    checkProblem(response);
    if (route !== undefined)
      should(problemsOf(route)).matchAny((code: string) => code === response.body.code, text);
    return;
  }
  if (route === undefined) throw new Error(`no route: ${text}`);
  const declared = route.responses[response.status];
  if (declared === undefined) throw new Error(`not declared: ${text}`);
  if (declared.schema === null) {
    should(response.text).equal('', text);
    return;
  }
  response.headers['content-type']!.should.equal('application/json; charset=utf-8');
  const parsed = declared.schema.safeParse(response.body);
  if (!parsed.success) throw new Error(`not as declared: ${text}\n${parsed.error.message}`);
  // Fields that the schema does not know are dropped by it, and so show here.
  should(response.body).eql(parsed.data, text);
}

/** RFC 9457, with the contract's fields. */
export function checkProblem({ body, headers, status }: Response): void {
  headers['content-type']!.should.equal('application/problem+json; charset=utf-8');
  should(body).eql(problem.parse(body));
  ERROR_CODES.should.containEql(body.code);
  const { status: expected, title } = new AppError(body.code as ErrorCode, '');
  should(body).containEql({ type: 'about:blank', status, title, request_id: headers['x-request-id'] });
  expected.should.equal(status);
  ('errors' in body).should.equal(body.code === 'validation_failed');
}

/** The paths of the faults that an answer lists, sorted. */
export function faultPaths(answer: Answer): string[] {
  const errors = (answer.body as { errors?: { path: string }[] }).errors ?? [];
  return [...new Set(errors.map(({ path }) => path))].sort();
}

/** One request and what it comes to. */
export interface Case {
  title: string;
  by?: Caller;
  request: readonly [method: Method, path: string, body?: unknown];
  status: number;
  code?: ErrorCode;
  /** Exactly these paths are at fault. */
  faults?: readonly string[];
  /** The answer holds at least this. */
  body?: object;
}

/** One test a case, all on the server that `api` gives at run time. */
export function runCases(api: () => Api, cases: readonly Case[]): void {
  for (const { title, by = 'backend', request, status, code, faults, body } of cases) {
    it(`${title} → ${status}`, async () => {
      const answer = await api().call(by, ...request);
      const text = JSON.stringify(answer.body);
      answer.status.should.equal(status, text);
      if (code !== undefined) should(answer.body.code).equal(code, text);
      if (faults !== undefined) faultPaths(answer).should.eql([...faults].sort(), text);
      if (body !== undefined) should(answer.body).containDeep(body);
    });
  }
}

/** Input that is wrong, and exactly the paths at fault. */
export type Faulty = [title: string, body: unknown, ...paths: string[]];

/** One test an input, each sent by the backend. */
export function runFaulty(
  api: () => Api,
  method: 'POST' | 'PUT',
  path: string,
  inputs: readonly Faulty[],
): void {
  describe(`${method} ${path}`, () => {
    runCases(
      api,
      inputs.map(([title, body, ...faults]) => {
        return { title, request: [method, path, body], status: 400, code: 'validation_failed', faults };
      }),
    );
  });
}
