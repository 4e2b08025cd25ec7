import { execFile } from 'node:child_process';
import path from 'node:path';

const SOURCES = path.resolve(__dirname, '../../src');

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command of `src` as an operator does, as a process of its own.
 * @param environment the IM_* variables; there are no others, and no .env
 */
export function runOperatorCommand(
  command: 'export' | 'platform-views',
  args: readonly string[],
  environment: Record<string, string>,
): Promise<Outcome> {
  const line = [
    '-r',
    require.resolve('ts-node/register/transpile-only'),
    path.join(SOURCES, `${command}.ts`),
    ...args,
  ];
  const env = { PATH: process.env.PATH, IM_PROFILE: 'test', ...environment };
  return new Promise((resolve) => {
    const options = { cwd: SOURCES, env, timeout: 30_000, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, line, options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
