import should from 'should';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const SOURCE = path.resolve(__dirname, '../src');

/** What stands where, from the ground up: a file imports only from lower rows, or from its own folder. */
const ROWS: readonly (readonly string[])[] = [
  [
    'errors.ts',
    'folders.ts',
    'logger.ts',
    'metrics.ts',
    'repeat.ts',
    'unfinished.ts',
    'version.ts',
    'resources/',
  ],
  ['db/', 'files/', 'push/'],
  ['model/'],
  ['views/'],
  ['commands/'],
  ['context.ts'],
  ['controllers/'],
  ['server.ts', 'command-line.ts', 'start-fault.ts'],
  ['app.ts', 'app.armour.ts', 'backup.ts', 'export.ts', 'platform-views.ts', 'report-views.ts'],
];

/** Every file of the source, relative to its folder. */
const FILES = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(path.sep).join('/'));

const parsed = new Map<string, ts.SourceFile>();

function parse(file: string): ts.SourceFile {
  let tree = parsed.get(file);
  if (tree === undefined) {
    const text = readFileSync(path.join(SOURCE, file), 'utf8');
    tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    parsed.set(file, tree);
  }
  return tree;
}

/** Calls `look` for every node of the file. */
function walk(file: string, look: (node: ts.Node) => void): void {
  const visit = (node: ts.Node): void => {
    look(node);
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
}

/** What a file imports, in whatever way, types too: names as they stand in the text. */
function importsOf(file: string): string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier !== undefined
    ) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    } else if (ts.isCallExpression(node)) {
      const { arguments: given, expression } = node;
      const isImport = expression.kind === ts.SyntaxKind.ImportKeyword || expression.getText() === 'require';
      if (isImport && given[0] !== undefined && ts.isStringLiteralLike(given[0])) found.push(given[0].text);
    }
  });
  return found;
}

/** The file of ours that `name` stands for in `file`; undefined for packages. */
function resolve(file: string, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined;
  const target = path.posix.join(path.posix.dirname(file), name);
  const candidates = [`${target}.ts`, `${target}/index.ts`, target];
  return candidates.find((candidate) => FILES.includes(candidate)) ?? target;
}

function placeOf(file: string): { row: number; room: string } {
  for (const [row, rooms] of ROWS.entries()) {
    for (const room of rooms)
      if (room === file || (room.endsWith('/') && file.startsWith(room))) return { row, room };
  }
  throw new Error(`${file} stands in no row`);
}

/** Why `file` may not import `target`; undefined: it may. */
function objection(file: string, target: string): string | undefined {
  const from = placeOf(file);
  const to = placeOf(target);
  if (from.room === to.room || to.row < from.row) return undefined;
  // The ground's single files may know each other; the rooms of a higher row may not.
  if (from.row === 0 && to.row === 0) return undefined;
  return `${file} (row ${from.row}) imports ${target} (row ${to.row})`;
}

describe('The architecture', () => {
  it('has a place for every file', () => {
    FILES.length.should.be.above(50);
    for (const file of FILES) placeOf(file);
    for (const room of ROWS.flat()) {
      should(FILES.some((file) => file === room || file.startsWith(room))).equal(true, `${room} is empty`);
    }
  });

  it('is seen as it is', () => {
    importsOf('server.ts').should.containEql('./context').and.containEql('node:path');
    should(resolve('commands/writer.ts', '../db/database')).equal('db/database.ts');
    should(resolve('commands/writer.ts', 'kysely')).equal(undefined);
    should(objection('model/users.ts', 'commands/writer.ts')).be.a.String();
    should(objection('push/bus.ts', 'db/database.ts')).be.a.String();
    should(objection('db/database.ts', 'push/bus.ts')).be.a.String();
    should(objection('model/users.ts', 'db/database.ts')).equal(undefined);
    should(objection('model/users.ts', 'model/sessions.ts')).equal(undefined);
  });

  it('lets files import only from lower rows or their own folder', () => {
    const objections = FILES.flatMap((file) =>
      importsOf(file).flatMap((name) => {
        const target = resolve(file, name);
        if (target === undefined || target.endsWith('.json')) return [];
        return objection(file, target) ?? [];
      }),
    );
    should(objections).eql([]);
  });

  it('has no circles within a folder', () => {
    const circles: string[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (file: string, trail: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        circles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const target of runtimeImports(file)) visit(target, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of FILES) visit(file, []);
    should(circles).eql([]);
  });

  /** Files of ours that are loaded with this one: imports of types alone are gone by then. */
  function runtimeImports(file: string): string[] {
    const found: string[] = [];
    for (const statement of parse(file).statements) {
      if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
      if (statement.moduleSpecifier === undefined || onlyTypes(statement)) continue;
      const target = resolve(file, (statement.moduleSpecifier as ts.StringLiteral).text);
      if (target !== undefined && FILES.includes(target)) found.push(target);
    }
    return found;
  }

  function onlyTypes(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
    if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
    const clause = statement.importClause;
    if (clause === undefined) return false;
    if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
    const bindings = clause.namedBindings;
    return (
      clause.name === undefined &&
      bindings !== undefined &&
      ts.isNamedImports(bindings) &&
      bindings.elements.every((element) => element.isTypeOnly)
    );
  }

  it('lets the supervisor know nothing but Node', () => {
    for (const name of importsOf('app.armour.ts')) name.should.startWith('node:');
  });

  /** The files in which an expression like `process.env` or `console.log` stands. */
  function using(matches: (text: string) => boolean): string[] {
    return FILES.filter((file) => textsOf(file).some(matches));
  }

  /** Every property that a file gets at, as `object.property`. */
  function textsOf(file: string): string[] {
    const texts: string[] = [];
    walk(file, (node) => {
      if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
        texts.push(node.getText().replace(/\s+/g, ''));
      } else if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name)) {
        // const { env } = process
        for (const element of node.name.elements) {
          const name = (element.propertyName ?? element.name).getText();
          texts.push(`${node.initializer?.getText() ?? ''}.${name}`);
        }
      }
    });
    return texts;
  }

  it('reads the environment in config.ts alone', () => {
    const readers = using((text) => /^(globalThis\.)?process(\.env|\[['"]env['"]\])$/.test(text));
    should(readers).eql(['resources/config/config.ts']);
  });

  it('writes to the log, not to the console', () => {
    should(using((text) => /^(globalThis\.)?console\./.test(text))).eql([]);
  });

  it('exports only what another file imports', () => {
    const wanted = new Set<string>();
    for (const file of FILES) {
      for (const statement of parse(file).statements) {
        if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
        if (statement.moduleSpecifier === undefined) continue;
        const target = resolve(file, (statement.moduleSpecifier as ts.StringLiteral).text);
        const bindings = ts.isImportDeclaration(statement)
          ? statement.importClause?.namedBindings
          : statement.exportClause;
        const names = bindings !== undefined && 'elements' in bindings ? bindings.elements : undefined;
        // `import * as` and `export * from` want all of it.
        for (const name of names ?? [undefined]) {
          wanted.add(`${target} ${name === undefined ? '*' : (name.propertyName ?? name.name).text}`);
        }
      }
    }
    const tests = readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(path.join(__dirname, file), 'utf8'))
      .join('\n');
    const unwanted = FILES.flatMap((file) =>
      exportsOf(file)
        .filter((name) => !wanted.has(`${file} ${name}`) && !wanted.has(`${file} *`))
        // What the tests alone import is part of what they hold.
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(tests))
        .map((name) => `${file}: ${name}`),
    );
    should(unwanted).eql([]);
  });

  /** The values that a file's own declarations export. Types are there to be read: they name what a function takes. */
  function exportsOf(file: string): string[] {
    return parse(file).statements.flatMap((statement) => {
      if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return [];
      const isExported =
        ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
      if (isExported !== true) return [];
      if (ts.isVariableStatement(statement)) {
        return statement.declarationList.declarations.map(({ name }) => name.getText());
      }
      return 'name' in statement ? [(statement.name as ts.Identifier).text] : [];
    });
  }
});
