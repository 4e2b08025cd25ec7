import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Request, type Response, Router } from 'express';
import { markdownToHtml } from '../views/markdown';

const ROOT = path.join(__dirname, '..', '..');

export const README = path.join(ROOT, 'readme.md');

type Show = (request: Request, response: Response, data: Record<string, unknown>) => void;

/** `/readme.md` and the pages of `doc/`, for people; a program that asks for no HTML gets the text. */
export function guidesRouter(show: Show): Router {
  const router = Router({ caseSensitive: true });
  router.get('/readme.md', (request, response, next) => {
    if (existsSync(README)) answer(request, response, '/readme.md', show);
    else next();
  });
  router.get('/doc/:name', (request, response, next) => {
    const address = `/doc/${request.params.name}`;
    if (/^\/doc\/[\w.-]+\.md$/.test(address) && isThere(address)) answer(request, response, address, show);
    else next();
  });
  router.get('/doc/images/:name', (request, response, next) => {
    const address = `/doc/images/${request.params.name}`;
    if (!/^[\w-]+\.png$/.test(request.params.name) || !isThere(address)) {
      next();
      return;
    }
    response.set('Cache-Control', 'no-cache').sendFile(path.join(ROOT, address));
  });
  return router;
}

function isThere(address: string): boolean {
  return existsSync(path.join(ROOT, address));
}

function answer(request: Request, response: Response, address: string, show: Show): void {
  const text = readFileSync(path.join(ROOT, address), 'utf8');
  response.vary('Accept');
  if (request.accepts(['text', 'html']) !== 'html') {
    response.set('Cache-Control', 'no-cache').type('text/plain; charset=utf-8').send(text);
    return;
  }
  const heading = text.split('\n').find((line) => line.startsWith('# ')) ?? '# ';
  show(request, response, {
    title: heading.slice(2),
    content: markdownToHtml(text, (target) => linkFrom(address, target)),
    documentLanguage: address.includes('zh-CN') ? 'zh-CN' : 'en',
  });
}

/** Where a link leads on this server; undefined for a file that it does not serve. */
function linkFrom(address: string, target: string): string | undefined {
  if (/^https?:/.test(target) || target.startsWith('#')) return target;
  const { pathname, hash } = new URL(target, `http://server${address}`);
  if (pathname.startsWith('/sdk/')) return pathname;
  const served = /^\/(?:readme\.md|doc\/[\w.-]+\.md|doc\/images\/[\w-]+\.png)$/.test(pathname);
  return served && isThere(pathname) ? pathname + hash : undefined;
}
