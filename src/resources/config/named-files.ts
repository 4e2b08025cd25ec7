import { readFileSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../../folders';
import { type Config } from './config';
import { ConfigError } from './config-error';
import { parseMysqlUrl } from './mysql-url';

/** Makes the folders that the settings name, for a server that starts. @throws ConfigError: one that can't be made is a wrong setting */
export function makeFolders({ databaseUrl, files }: Pick<Config, 'databaseUrl' | 'files'>): void {
  const file = databaseUrl.startsWith('sqlite:') ? databaseUrl.slice('sqlite:'.length) : ':memory:';
  const folders = [
    { setting: 'IM_DATABASE_URL accepts a file in', folder: file === ':memory:' ? '' : path.dirname(file) },
    { setting: 'IM_FILES accepts', folder: files?.kind === 'folder' ? files.folder : '' },
  ];
  for (const { folder, setting } of folders) {
    if (folder === '') continue;
    try {
      makeFolder(folder);
    } catch (error) {
      throw new ConfigError(`${setting} a folder that can be made (${codeOf(error)})`);
    }
  }
}

export function checkCertificate(databaseUrl: string): void {
  const ca = parseMysqlUrl(databaseUrl)?.sslCa;
  if (ca === undefined) return;
  try {
    readFileSync(ca);
  } catch (error) {
    throw new ConfigError(`IM_DATABASE_URL accepts an ssl-ca that can be read (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'no code';
}
