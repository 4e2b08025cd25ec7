import should from 'should';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '..');
const SIZES = [23, 400, 4_000, 12_000, 30_000];
/** What grows with the square of the size takes several times as long at 30,000 characters. */
const LIMIT_MS = 50;

interface Found {
  where: string;
  pattern: RegExp;
}

/** A string as far as it stands in the source; what is put into it there counts as an `x`. */
function textOf(node: ts.Node): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isBinaryExpression(node)) return textOf(node.left) + textOf(node.right);
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map((span) => `x${span.literal.text}`).join('');
  return 'x';
}

/** Every regular expression of a source text: literals, and what is made with `RegExp`. */
function expressionsOf(file: string, text: string): Found[] {
  const found: Found[] = [];
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree));
    const add = (source: string, flags: string) =>
      found.push({ where: `${file}:${line + 1}`, pattern: new RegExp(source, flags.replace(/[gy]/g, '')) });
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      add(node.text.slice(1, end), node.text.slice(end + 1));
    } else if (ts.isNewExpression(node) || ts.isCallExpression(node)) {
      const [source, flags] = node.arguments ?? [];
      if (
        node.expression.getText(tree) === 'RegExp' &&
        source !== undefined &&
        !ts.isRegularExpressionLiteral(source)
      )
        add(textOf(source), flags === undefined ? '' : textOf(flags));
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function allExpressions(): Found[] {
  return ['src', 'sdk'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[jt]s$/.test(file))
      .flatMap((file) => {
        const name = path.join(folder, file);
        return expressionsOf(name, readFileSync(path.join(ROOT, name), 'utf8'));
      }),
  );
}

/** Runs of what the expression itself names, and of what most expressions take, before something that fits nothing. */
function* hostileTexts(source: string, size: number): Generator<string> {
  const literal = source
    .replace(/\\[dDwWsSbB]/g, ' ')
    .replace(/\\u\{?[0-9a-f]+\}?|\\p\{\w+\}/gi, ' ')
    .replaceAll('\\', '');
  const words = literal.match(/[^()[\]{}|?*+^$]{2,}/g) ?? [];
  const units = new Set([
    ...Array.from(literal),
    ...words,
    ' ',
    '\t',
    '\n',
    'a',
    '0',
    '中',
    ' a',
    'a ',
    ' ;',
    '; ',
    ' ,',
    ' :',
    '0-',
    '0:',
    '0.',
  ]);
  const starts = new Set(['', 'a', '"', ...words]);
  for (const unit of units) {
    const run = unit.repeat(Math.ceil(size / unit.length));
    for (const start of starts) for (const end of ['', '\0', 'a', ' !']) yield start + run + end;
  }
}

/** The shortest of three times, in ms of the processor's, of which others take nothing: this process does other things, too. */
function timeOf(pattern: RegExp, text: string, limit: number): number {
  let shortest = Infinity;
  for (let time = 0; time < 3 && shortest > limit; time += 1) {
    const since = process.cpuUsage();
    pattern.exec(text);
    const { system, user } = process.cpuUsage(since);
    shortest = Math.min(shortest, (system + user) / 1000);
  }
  return shortest;
}

/** A text that holds the expression up; undefined: none was found. The sizes grow, so that even the worst one ends. */
function holdUp({ pattern }: Found): string | undefined {
  for (const size of SIZES)
    for (const text of hostileTexts(pattern.source, size))
      if (timeOf(pattern, text, LIMIT_MS) > LIMIT_MS)
        return `${JSON.stringify(text.slice(0, 20))}… (${text.length})`;
  return undefined;
}

describe('Regular expressions', function () {
  this.timeout(300_000);

  it('are all found', () => {
    const sample =
      "a = /x\\/[/]y/gi; b = new RegExp('[?&]' + name + `=(${c}*)`); RegExp('z', 'u'); d = 4 / 2 / 1;";
    should(expressionsOf('sample.ts', sample).map(({ pattern }) => String(pattern))).eql([
      '/x\\/[/]y/i',
      '/[?&]x=(x*)/',
      '/z/u',
    ]);
    allExpressions().length.should.be.above(30);
  });

  it('that backtrack are found out', () => {
    for (const bad of [
      /\s+$/,
      /^application\/json\s*(?:;\s*charset=utf-8\s*)?\s*$/,
      /^(?:a+)+$/,
      /(\w+)\s*=\s*(\w+)$/,
    ]) {
      should(holdUp({ where: '', pattern: bad })).be.a.String();
    }
  });

  it('of the server and of the SDK take no longer than the text is long, whatever a client sends', () => {
    const slow = allExpressions().flatMap((each) => {
      const text = holdUp(each);
      return text === undefined ? [] : [`${each.where}: ${String(each.pattern)} by ${text}`];
    });
    should(slow).eql([]);
  });
});
