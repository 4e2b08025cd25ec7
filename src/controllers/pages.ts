import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import express, { type NextFunction, type Request, type Response, Router } from 'express';
import helmet from 'helmet';
import { DEMO_USERS } from '../commands/demo/demo-data';
import { pushed } from '../commands/demo/pushed';
import { type Services } from '../commands/services';
import { statusReader } from '../commands/maintenance/status';
import { forbidden, methodNotAllowed, notFound, unauthenticated } from '../errors';
import { VERSION } from '../version';
import { demoScript } from './demo-scripts';
import { guidesRouter, README } from './guides';
import { pageLanguage, texts } from './language';
import { authenticate } from './rest/perform';

/** The EJS templates, and beside them what they load. */
export const PAGES_DIRECTORY = path.join(__dirname, '..', 'views', 'pages');

const DEMO_PATHS = ['/demo/patient', '/demo/patient.js', '/demo/doctor', '/demo/doctor.js'];
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * The pages: `/`, `/status`, and in `dev` `/demo/patient` and `/demo/doctor`, with what they load. The application needs
 * `views` set to `PAGES_DIRECTORY`.
 */
export function pagesRouter(services: Services): Router {
  const { demo } = services.config;
  const router = Router({ caseSensitive: true });
  const version = assetVersion();
  const asset = (name: string) => `${name}?v=${version}`;

  const render: Render = (request, response, template, data) => {
    const language = pageLanguage(request, response);
    // A page is small, and what it names changes with every release.
    response.set('Cache-Control', 'no-cache');
    response.render(`${template}.ejs`, { version: VERSION, asset, language, t: texts(language), ...data });
  };

  router.get('/', securityHeaders("'self' data:"), (request, response) => {
    const { host, profile } = services.config;
    const chinese = pageLanguage(request, response) === 'zh';
    const readme = !existsSync(README) ? '' : chinese ? '/doc/readme.zh-CN.md' : '/readme.md';
    const addresses = demo ? otherAddresses(host, request.socket.localPort ?? 0) : [];
    render(request, response, 'home', { addresses, demo, profile, readme });
  });
  router.use(['/readme.md', '/doc'], securityHeaders("'self' data:"));
  router.use(guidesRouter((request, response, data) => render(request, response, 'guide', data)));
  router.get('/favicon.ico', (_request, response) => {
    response.set('Cache-Control', 'public, max-age=86400');
    response.sendFile(path.join(PAGES_DIRECTORY, 'assets', 'icon.svg'));
  });
  router.use('/assets', securityHeaders("'self'"), staticFiles('assets', version));
  statusRoute(router, services, render);
  if (demo) demoRoutes(router, services, version, render);
  router.all(['/', '/status', '/favicon.ico', ...(demo ? DEMO_PATHS : [])], () => {
    throw methodNotAllowed(['GET', 'HEAD']);
  });
  return router;
}

type Render = (request: Request, response: Response, template: string, data: Record<string, unknown>) => void;

/** Where other devices reach a server that listens for them; none where it listens on its own machine alone. */
function otherAddresses(host: string, port: number): string[] {
  if (!['0.0.0.0', '::'].includes(host)) return [];
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => `http://${address}:${port}/`);
}

/** One address for both: the page for a browser that names no credentials, the figures for the platform's backend. */
function statusRoute(router: Router, services: Services, render: Render): void {
  const read = statusReader(services);
  router.get('/status', securityHeaders("'self' data:"), async (request, response) => {
    const { authorization, 'x-im-app-key': key } = request.headers;
    response.vary('Accept');
    if (key === undefined && authorization === undefined) {
      if (request.accepts(['json', 'html']) !== 'html') {
        throw unauthenticated('This needs the header X-IM-App-Key.');
      }
      render(request, response, 'status', {});
      return;
    }
    const principal = await authenticate(services, request);
    if (principal.kind !== 'backend') throw forbidden('Only the platform may do this.');
    response.set('Cache-Control', 'no-store').json(await read());
  });
}

function demoRoutes(router: Router, services: Services, version: string, render: Render): void {
  const { getui, recallMs } = services.config;
  // Pictures, voices and films of messages may lie anywhere.
  const security = securityHeaders("'self' http: https: data: blob:", "'self' http: https: blob:");
  const scripts = path.join(PAGES_DIRECTORY, 'demo-scripts');
  for (const type of ['patient', 'doctor'] as const) {
    router.get(`/demo/${type}`, security, (request, response) => {
      const users = DEMO_USERS.filter((user) => user.type === type);
      render(request, response, type, { recallMs, users, showsPushes: getui === undefined });
    });
    router.get(`/demo/${type}.js`, security, async (_request, response) => {
      setCaching(response, version);
      response
        .type('js')
        .set('ETag', `"${version}"`)
        .send(await demoScript(scripts, type));
    });
  }
  // Where no phone is pushed to, the doctor's desk shows what would have been.
  router.get('/demo/pushed/:session_id/:message_id', async (request, response) => {
    const principal = await authenticate(services, request);
    if (principal.kind !== 'user') throw forbidden('A push is for a user.');
    const { message_id: messageId, session_id: sessionId } = request.params;
    const message = { sessionId, messageId: Number(messageId) };
    if (!Number.isSafeInteger(message.messageId)) throw notFound('message');
    response.set('Cache-Control', 'no-store').json(await pushed(services, principal.id, message));
  });
  router.get('/demo/vendor/jquery.js', security, (_request, response) => {
    response.set('Cache-Control', FOR_EVER).sendFile(require.resolve('jquery/dist/jquery.min.js'));
  });
  router.use('/demo/assets', security, staticFiles('demo-assets', version));
}

/** What pages load is kept for ever where the address names this release's version, else asked for again. */
function setCaching(response: ServerResponse, version: string): void {
  const named = response.req.url?.endsWith(`?v=${version}`) === true;
  response.setHeader('Cache-Control', named ? FOR_EVER : 'no-cache');
}

/** Files below the pages' folder. */
function staticFiles(folder: string, version: string) {
  const files = express.static(path.join(PAGES_DIRECTORY, folder), {
    index: false,
    redirect: false,
    setHeaders: (response) => setCaching(response, version),
  });
  return (request: Request, response: Response, next: NextFunction) => {
    void files(request, response, next);
  };
}

/** Changes whenever a file that pages load changes. */
function assetVersion(): string {
  const hash = createHash('sha256');
  const own = ['assets', 'demo-assets', 'demo-scripts'].map((folder) => path.join(PAGES_DIRECTORY, folder));
  for (const directory of [...own, path.join(__dirname, '..', '..', 'sdk')]) {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    for (const file of files.sort()) hash.update(path.relative(directory, file)).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 12);
}

/**
 * A strict Content-Security-Policy (CSP level 3): nothing inline runs, nothing comes from other hosts but what `images` and
 * `media` allow. Left out are the headers that only mean something over https, which plain http in a LAN would be warned of.
 */
function securityHeaders(images: string, media = "'self'") {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        scriptSrcAttr: ["'none'"],
        styleSrc: ["'self'"],
        styleSrcAttr: ["'none'"],
        imgSrc: images.split(' '),
        mediaSrc: media.split(' '),
        connectSrc: ["'self'", 'ws:', 'wss:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    crossOriginResourcePolicy: false,
    originAgentCluster: false,
  });
}
