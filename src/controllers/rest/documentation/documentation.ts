import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Request, type Response, Router } from 'express';
import { type Services } from '../../../commands/services';
import { methodNotAllowed } from '../../../errors';
import { pageLanguage } from '../../language';
import { docsPage } from './docs-page';
import { API_GROUPS } from '../routes/groups';
import { openApiDocument } from './openapi';
import { answerError } from '../perform';
import { requestId } from '../request-id';

const STYLES = path.join(__dirname, '..', '..', '..', 'views', 'pages', 'docs.css');

/** The page needs its stylesheet and nothing else: no script, no other host (CSP level 3). */
const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `/openapi.json` and `/docs`, for everybody. Both are made once, of the routes that are mounted. */
export function documentationRouter(services: Services): Router {
  const router = Router({ caseSensitive: true });
  const document = once(() => openApiDocument(API_GROUPS));
  const pages = { zh: once(() => docsPage(document(), 'zh')), en: once(() => docsPage(document(), 'en')) };
  const files: Record<string, { type: string; text: (request: Request, response: Response) => string }> = {
    '/openapi.json': { type: 'application/json', text: once(() => JSON.stringify(document(), null, 2)) },
    '/docs': { type: 'text/html', text: (request, response) => pages[pageLanguage(request, response)]() },
    '/docs.css': { type: 'text/css', text: once(() => readFileSync(STYLES, 'utf8')) },
  };
  for (const [address, { type, text }] of Object.entries(files)) {
    router.get(address, (request, response) => {
      secure(response).type(`${type}; charset=utf-8`).send(text(request, response));
    });
    router.all(address, (request, response) => {
      answerError(services, response, requestId(request, response), methodNotAllowed(['GET', 'HEAD']));
    });
  }
  return router;
}

function secure(response: Response): Response {
  return response.set({
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  });
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
