import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import should from 'should';
import ts from 'typescript';
import { openApiDocument } from '../../src/controllers/rest/documentation/openapi';
import { API_GROUPS } from '../../src/controllers/rest/routes/groups';

const GENERATOR = path.join(path.dirname(require.resolve('openapi-typescript/package.json')), 'bin/cli.js');

/** What a page of the platform does with the generated types. */
const USE = `
import type { components, operations, paths } from './api';

type Message = components['schemas']['Message'];
type Answer<T> = T extends { responses: { 200: { content: { 'application/json': infer Body } } } } ? Body : never;

export function line(message: Message): string {
  const client: string | null = message.client_msg_id;
  return message.sender_name + ' ' + message.id.toFixed(0) + ' ' + (client ?? '');
}

export function first(page: Answer<operations['getSessionMessages']>): Message | undefined {
  return page.more ? page.items[0] : undefined;
}

export const login: NonNullable<operations['postUsersLogin']['requestBody']>['content']['application/json'] = {
  user_id: 'D1',
  user_type: 'doctor',
};

export type Session = Answer<paths['/api/v2/sessions/{session_id}']['get']>;
export const nameOf = (session: Session): string => session.participants[0]?.name ?? session.name;

// @ts-expect-error a nurse is no type of user
export const wrong: typeof login = { user_id: 'D1', user_type: 'nurse' };
`;

describe('A client that is generated of the OpenAPI document', function () {
  this.timeout(120_000);
  const document = openApiDocument(API_GROUPS);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'im-client-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('type-checks with a page of use', async () => {
    await writeFile(path.join(folder, 'openapi.json'), JSON.stringify(document));
    await writeFile(path.join(folder, 'use.ts'), USE);
    await promisify(execFile)(process.execPath, [GENERATOR, 'openapi.json', '-o', 'api.d.ts'], {
      cwd: folder,
    });
    const program = ts.createProgram([path.join(folder, 'use.ts')], {
      strict: true,
      noEmit: true,
      types: [],
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ES2022,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    });
    const faults = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    should(faults).eql([]);
  });

  it('has a name of its own for every operation, which is an identifier', () => {
    const names = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    new Set(names).size.should.equal(names.length);
    for (const name of names) name.should.match(/^[a-z][A-Za-z0-9]*$/);
    names.should.containEql('getSessionMessages').and.containEql('postUsersLogin');
  });

  it('meets nothing that refers to itself', () => {
    document.openapi.should.equal('3.1.0');
    const { schemas } = document.components;
    for (const [name, schema] of Object.entries(schemas)) {
      JSON.stringify(schema).should.not.containEql(`"#/components/schemas/${name}"`);
    }
  });
});
