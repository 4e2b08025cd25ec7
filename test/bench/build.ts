import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.join(__dirname, '..', '..');
const CHILDREN = path.join(ROOT, 'node_modules', '.cache', 'im-bench');

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** The server's main file, built from src/ as it is now. @throws when it can't be built */
export function builtServer(): string {
  const main = path.join(ROOT, 'dist', 'app.js');
  const newest = Math.max(...files(path.join(ROOT, 'src')).map((file) => statSync(file).mtimeMs));
  const built = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built < newest) {
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  }
  return main;
}

/**
 * The benchmark's own programs as plain JavaScript, where they find the packages: under ts-node each of them would
 * carry a TypeScript compiler, which would spoil their memory's figures. @returns the folder
 */
export function builtChildren(): string {
  for (const file of files(__dirname).filter((name) => name.endsWith('.ts'))) {
    const target = path.join(CHILDREN, path.relative(__dirname, file).replace(/\.ts$/, '.js'));
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      fileName: file,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.CommonJS,
        esModuleInterop: true,
        inlineSourceMap: false,
      },
    });
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return CHILDREN;
}
