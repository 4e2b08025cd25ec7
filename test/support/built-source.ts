import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { temporaryFolder } from './processes';

const ROOT = path.resolve(__dirname, '../..');

/** The folder in which the workers of a run find what one of them has built. */
const SHARED_FOLDER = 'IM_TEST_BUILT';
const WAIT_LIMIT_MS = 60_000;

/** For the main process, before the first test. */
export function shareBuiltSource(): void {
  process.env[SHARED_FOLDER] = temporaryFolder('im-built-');
}

let built: string | undefined;

/**
 * The path of the folder that holds `src` as JavaScript with source maps, translated file by file on first use: a process
 * that runs it is up in a third of the time that ts-node needs, and it is the shape that `npm run build` gives. One of the
 * run's workers translates, the others wait for it.
 */
export function builtSource(): string {
  built ??= buildOnce(process.env[SHARED_FOLDER] ?? temporaryFolder('im-built-'));
  return built;
}

function buildOnce(folder: string): string {
  const done = path.join(folder, 'dist');
  try {
    mkdirSync(path.join(folder, 'begun'));
  } catch {
    waitFor(done);
    return done;
  }
  const unfinished = path.join(folder, 'unfinished');
  translate(path.join(ROOT, 'src'), unfinished);
  for (const name of ['node_modules', 'sdk', 'package.json']) {
    symlinkSync(path.join(ROOT, name), path.join(folder, name));
  }
  renameSync(unfinished, done);
  return done;
}

/** Without the event loop: processes are started in plain functions. */
function waitFor(file: string): void {
  const deadline = Date.now() + WAIT_LIMIT_MS;
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) {
    if (Date.now() > deadline) throw new Error(`another worker did not build ${file}`);
    Atomics.wait(never, 0, 0, 20);
  }
}

function translate(source: string, target: string): void {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.CommonJS,
    esModuleInterop: true,
    sourceMap: true,
  };
  cpSync(source, target, { recursive: true, filter: (file) => !file.endsWith('.ts') });
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const from = path.join(source, file);
    const { outputText, sourceMapText } = ts.transpileModule(readFileSync(from, 'utf8'), {
      compilerOptions,
      fileName: path.basename(from),
    });
    const script = path.join(target, file.replace(/\.ts$/, '.js'));
    writeFileSync(script, outputText);
    const map = JSON.parse(sourceMapText ?? '{}') as { sources?: string[] };
    writeFileSync(`${script}.map`, JSON.stringify({ ...map, sources: [from] }));
  }
}
