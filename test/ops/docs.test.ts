import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { API_GROUPS } from '../../src/controllers/rest/routes/groups';
import { SOCKET_HANDLERS } from '../../src/controllers/socket/handlers';
import { ERROR_CODES } from '../../src/errors';
import { createMetrics } from '../../src/metrics';
import { CLOSE } from '../../src/push/sockets/close-codes';
import { SETTINGS } from '../../src/resources/config/settings';

const ROOT = path.join(__dirname, '..', '..');

/** Every page of doc/. */
const DOCUMENTS = readdirSync(path.join(ROOT, 'doc'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `doc/${name}`);

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** The first cells of the rows of all tables under a heading, without their backquotes. */
function firstCells(file: string, heading: string): string[] {
  const section =
    read(file)
      .split(/^## /m)
      .find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| *`?([^|`]+?)`?(?: *,[^|]*)? *\|/gm)]
    .map(([, cell]) => cell ?? '')
    .filter((cell) => !/^-+$/.test(cell) && !['type', 'code', 'variable'].includes(cell));
}

/** What both sides name, each once. */
function same(documented: Iterable<string>, known: Iterable<string>): void {
  should([...new Set(documented)].sort()).eql([...new Set(known)].sort());
}

describe('The documentation', () => {
  it('names every setting, and no other', () => {
    const documented = read('doc/configuration.md').matchAll(/^\| `(IM_\w+)`(?:, `(IM_\w+)`)*/gm);
    same(
      [...documented].map(([, name]) => name ?? ''),
      ['IM_PROFILE', ...Object.keys(SETTINGS)],
    );
  });

  it("names every setting's default as the code has it", () => {
    const table = read('doc/configuration.md');
    for (const [name, schema] of Object.entries(SETTINGS)) {
      const preset = (schema as { _zod: { def: { type: string; defaultValue?: unknown } } })._zod.def;
      if (preset.type !== 'prefault') continue;
      const row = new RegExp(`^\\| \`${name}\` *\\| (.*?) *\\|`, 'm').exec(table)?.[1];
      should(row).equal(`\`${String(preset.defaultValue)}\``, name);
    }
  });

  it('names every frame that a client may send, and no other', () => {
    same(firstCells('doc/socket.md', 'What a client sends'), ['login', ...SOCKET_HANDLERS.keys()]);
  });

  it('names every close code, and no other', () => {
    same(firstCells('doc/socket.md', 'How a connection ends'), Object.values(CLOSE).map(String));
  });

  it('names every metric', async () => {
    const text = read('doc/operations.md');
    for (const { name } of await createMetrics().registry.getMetricsAsJSON()) {
      should(text.includes(name)).be.true(`${name} in doc/operations.md`);
    }
    const known = (await createMetrics().registry.getMetricsAsJSON()).map(({ name }) => name);
    for (const [name] of text.matchAll(/\bim_(?:messages|sockets|push|notices|send)[a-z_]*/g)) {
      should(known.some((each) => name.startsWith(each))).be.true(`${name} in the code`);
    }
  });

  it('names every error code', () => {
    const text = read('doc/api.md');
    for (const code of ERROR_CODES) should(text.includes(`\`${code}\``)).be.true(code);
  });

  it("names the seed's every path", () => {
    const seed: [group: string, paths: string[]][] = [
      ['application', ['/badge_no']],
      ['users', ['/login', '/logout', '/:user_id', '/:user_id/status', '/:user_id/consult/time']],
      [
        'sessions',
        [
          '/:session_id/session',
          '/:session_id/sticky',
          '/:session_id/status',
          '/recent',
          '/:topic_id/topics',
          '/topics/:topic_id',
          '/:session_id/topics/:topic_id/ended',
          '/topics',
          '/topics/count/reply',
          '/topic/:topic_id/messages',
          '/:session_id/messages',
          '/:session_id/topics/:topic_id/messages',
          '/:session_id/messages/:message_id',
          '/unread_message_count',
          '/:session_id/unread_message_count',
          '/:session_id/messages/unread',
          '/:session_id/participant/update',
          '/:session_id/participants',
          '/:session_id/participants/avatars',
          '/:session_id/participants/:participant_id',
          '/:session_id/participants/:participant_id/avatars',
        ],
      ],
    ];
    for (const [name, paths] of seed) {
      const group = API_GROUPS.find((each) => each.name === name);
      for (const each of paths) should(group?.routes.map((route) => route.path)).containEql(each);
    }
  });

  for (const [index, folder] of [
    ['readme.md', 'doc/'],
    ['doc/readme.zh-CN.md', ''],
  ] as const) {
    it(`is found from ${index}, every page of it`, () => {
      const text = read(index);
      for (const file of DOCUMENTS.filter((name) => name !== 'doc/readme.zh-CN.md'))
        should(text.includes(`](${folder}${path.basename(file)})`)).be.true(`${file} in ${index}`);
    });
  }

  it('links only to files that are there', () => {
    for (const file of ['readme.md', ...DOCUMENTS]) {
      for (const [, target] of read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        should(existsSync(path.join(ROOT, path.dirname(file), target ?? ''))).be.true(`${file}: ${target}`);
      }
    }
  });
});
