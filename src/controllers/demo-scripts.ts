import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type UserType } from '../model/users';

/** Of both pages, each behind what it needs. */
const SHARED = [
  'dom',
  'in-order',
  'unpressed',
  'focus',
  'storage',
  'care',
  'attention',
  'time',
  'people',
  'members',
  'content',
  'dialog',
  'media',
  'recorder',
  'viewer',
  'message-node',
  'message-menu',
  'message-actions',
  'list-place',
  'message-list',
  'finder',
  'outbox',
  'composer',
  'topics',
  'records',
  'reading',
  'history',
  'heading',
  'conversation',
  'connection',
  'call-media',
  'call-view',
  'call-peer',
  'call',
];

/** Of one of them. */
const OWN: Record<UserType, readonly string[]> = {
  patient: ['session-switch', 'patient'],
  doctor: ['session-item', 'session-list', 'details', 'phone', 'doctor'],
};

/**
 * The scripts of one of the demo's pages as one text: forty requests would keep a phone waiting. They depend on the release
 * alone, as their address does, under which a browser keeps them.
 */
export async function demoScript(folder: string, page: UserType): Promise<string> {
  const files = [...SHARED, ...OWN[page]].map((name) => `${name}.js`);
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  return texts.map((text, index) => `// ---- ${files[index]}\n${text}`).join('\n');
}
