import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The version in package.json, which is the release's. */
export const VERSION = (
  JSON.parse(readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8')) as { version: string }
).version;
