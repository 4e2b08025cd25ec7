import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Makes a folder, and those above it. (Node's own `recursive` never ends where a folder can be read but not written, as in /proc.)
 * @throws the system's error
 */
export function makeFolder(directory: string): void {
  if (isFolder(directory)) return;
  const above = path.dirname(path.resolve(directory));
  if (!isFolder(above)) makeFolder(above);
  try {
    mkdirSync(directory);
  } catch (error) {
    // Another process was quicker.
    if (!isFolder(directory)) throw error;
  }
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}
