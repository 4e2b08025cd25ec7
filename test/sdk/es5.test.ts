import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Node, parse } from 'acorn';
import should from 'should';

const SDK = readFileSync(path.join(__dirname, '../../sdk/im.client.js'), 'utf8');

/** What came with ES2015 or later, or only in newer browsers, and that a browser inside an old WeChat may not have. */
const NEWER_GLOBALS =
  'Promise Symbol Map Set WeakMap WeakSet Proxy Reflect BigInt globalThis fetch URL URLSearchParams TextEncoder AbortController';
const NEWER_MEMBERS =
  'assign values entries fromEntries getOwnPropertySymbols from of includes find findIndex findLast fill flat flatMap ' +
  'startsWith endsWith padStart padEnd repeat trimStart trimEnd replaceAll matchAll codePointAt fromCodePoint isInteger ' +
  // FormData has an old `append`.
  'isSafeInteger isNaN trunc sign log2 hypot finally allSettled closest prepend remove randomUUID';

type Walked = Node & Record<string, unknown>;

/** All nodes of the tree. */
function* nodes(node: Walked): Generator<Walked> {
  yield node;
  for (const value of Object.values(node).flat()) {
    if (typeof value === 'object' && value !== null && 'type' in value) yield* nodes(value as Walked);
  }
}

function parseAsEs5(source: string): Walked {
  return parse(source, { ecmaVersion: 5 }) as unknown as Walked;
}

/** The names of newer globals and members that `source` uses. */
function newer(source: string): string[] {
  const found: string[] = [];
  for (const node of nodes(parseAsEs5(source))) {
    const { name } = (node.type === 'MemberExpression' ? (node.property as Walked) : node) as {
      name?: unknown;
    };
    const list =
      node.type === 'MemberExpression' ? NEWER_MEMBERS : node.type === 'Identifier' ? NEWER_GLOBALS : '';
    if (typeof name === 'string' && list.split(' ').includes(name)) found.push(name);
  }
  return found;
}

describe('SDK: the script', () => {
  it('is ES5', () => {
    parseAsEs5(SDK);
    for (const not of ['let a;', 'f(a,);', 'x => x', '`a`', 'class A {}', 'try {} catch {}']) {
      should(() => parseAsEs5(not)).throw(SyntaxError);
    }
  });

  it('uses nothing that came later', () => {
    should(newer('new Promise(f); Object.assign({}, a); [].includes(b)')).deepEqual([
      'Promise',
      'assign',
      'includes',
    ]);
    should(newer(SDK)).deepEqual([]);
  });

  it('is one strict function that defines IMClient alone', () => {
    const { body } = parseAsEs5(SDK) as unknown as { body: { type: string; expression: { type: string } }[] };
    should(body.map(({ type, expression }) => [type, expression.type])).deepEqual([
      ['ExpressionStatement', 'CallExpression'],
    ]);
    should(SDK).match(/function \(window\) \{\s*'use strict';/);
    should(SDK.match(/window\.\w+ = /g)).deepEqual(['window.IMClient = ']);
  });
});
