import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { builtSource } from '../support/built-source';

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a command as an operator does, built and as a process of its own.
 * @param environment the IM_* variables; there are no others, and no .env
 */
export function runOperatorCommand(
  command: 'export' | 'platform-views' | 'report-views',
  args: readonly string[],
  environment: Record<string, string>,
): Promise<Outcome> {
  const line = [path.join(builtSource(), `${command}.js`), ...args];
  const env = { PATH: process.env.PATH, IM_PROFILE: 'test', ...environment };
  return new Promise((resolve) => {
    const options = { cwd: os.tmpdir(), env, timeout: 30_000, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, line, options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
