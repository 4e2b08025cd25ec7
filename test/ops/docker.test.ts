import should from 'should';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TIMES } from '../../src/app.armour';
import { AppError, ERROR_CODES, type ErrorCode } from '../../src/errors';
import { createMetrics } from '../../src/metrics';
import { prod } from '../../src/resources/config/prod';
import { SETTINGS } from '../../src/resources/config/settings';

const ROOT = path.resolve(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
/** The first group of every match. */
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);

const dockerfile = read('docker/Dockerfile');
const compose = read('docker/docker-compose.yml');
const nginx = read('docker/nginx.conf');
const unit = read('docker/im.service');
const example = read('docker/.env.example');

describe('The deployment files', () => {
  for (const file of [
    ...readdirSync(path.join(ROOT, 'docker')).map((name) => `docker/${name}`),
    'doc/operations.md',
  ]) {
    it(`name no setting that the server does not know: ${file}`, () => {
      const names = new Set(all(read(file), /\b(IM_[A-Z_]+)\b/g));
      for (const name of names) should(['IM_PROFILE', ...Object.keys(SETTINGS)]).containEql(name);
    });
  }

  it('pass every setting into the container, but for those that it fixes itself', () => {
    const passed = all(compose, /^ {4}(IM_[A-Z_]+):/gm);
    const fixed = ['IM_HOST', 'IM_PORT', 'IM_LOG_DIR'];
    should([...passed, ...fixed].sort()).eql(Object.keys(SETTINGS).sort());
  });

  it('explain every variable of the compose file in .env.example, and require what has no default', () => {
    const variables = all(compose, /\$\{([A-Z_]+)/g);
    should(variables).not.be.empty();
    const explained = all(example, /^([A-Z_]+)=/gm);
    for (const name of variables) should(explained).containEql(name);
    for (const name of explained) should(compose).match(new RegExp(`\\$\\{${name}\\b|^ {4}${name}:$`, 'm'));
  });

  it('agree on the ports', () => {
    should(all(dockerfile, /^EXPOSE (\d+)$/gm)).eql([prod.IM_PORT]);
    should(all(dockerfile, /IM_PORT \|\| (\d+)/g)).eql([prod.IM_PORT]);
    const upstreams = [...nginx.matchAll(/^ +server ([\w-]+):(\d+) /gm)];
    should(upstreams.map(([, , port]) => port)).eql(upstreams.map(() => prod.IM_PORT));
    should(upstreams.map(([, host]) => host)).eql(all(compose, /^ {2}([\w-]+): \*server$/gm));
    should(upstreams.length).be.above(1);
    should(all(compose, /'\$\{HTTP_PORT:-\d+\}:(\d+)'/g)).eql(all(nginx, /^ +listen (\d+)/gm));
  });

  it('copy into the image what exists and what .dockerignore lets through', () => {
    const allowed = all(read('.dockerignore'), /^!(.+)$/gm);
    const copied = all(dockerfile, /^COPY (?!--from)(.+) \S+$/gm).flatMap((names) => names.split(' '));
    should(copied).not.be.empty();
    for (const name of copied) {
      should(existsSync(path.join(ROOT, name))).be.true(name);
      should(allowed).containEql(name);
    }
    should(copied).containDeep(['package.json', 'package-lock.json', 'src', 'sdk']);
  });

  it('run on a Node that package.json accepts, the same in both stages', () => {
    const versions = all(dockerfile, /^FROM node:(\d+)-/gm).map(Number);
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    should(versions).have.length(2);
    should(versions[0]).equal(versions[1]);
    should(versions[0]).be.aboveOrEqual(Number(/\d+/.exec(engines.node)?.[0]));
  });

  it('start scripts that the build makes', () => {
    const scripts = [
      ...all(dockerfile, /^CMD \["node", "dist\/(.+)\.js"\]$/gm),
      ...all(unit, /dist\/(\S+)\.js$/gm),
    ];
    should(scripts).eql(['app', 'app.armour']);
    for (const name of scripts) should(existsSync(path.join(ROOT, `src/${name}.ts`))).be.true(name);
  });

  it('give the server the time to stop, sockets the time to answer, idle connections less than the server does', () => {
    const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1]);
    should(number(unit, /^TimeoutStopSec=(\d+)$/m) * 1000).be.above(TIMES.stopMs);
    should(number(compose, /stop_grace_period: (\d+)s/)).be.above(10);
    const heartbeat = SETTINGS.IM_HEARTBEAT_MS.parse(undefined);
    should(number(nginx, /proxy_read_timeout (\d+)s;\s+proxy_send_timeout/) * 1000).be.above(2 * heartbeat);
    const keptOpenMs = Number(
      /keepAliveTimeout = ([\d_]+)/.exec(read('src/server.ts'))?.[1]?.replaceAll('_', ''),
    );
    should(number(nginx, /^ +keepalive_timeout (\d+)s/m) * 1000).be.below(keptOpenMs);
  });

  it('answer from nginx in the form of the errors', () => {
    const answers = [...nginx.matchAll(/return (\d+) '(\{.+\})'/g)];
    should(answers.map(([, status]) => status)).eql(['403', '413', '503']);
    for (const [, status, body] of answers) {
      const problem = JSON.parse(body!) as { code: ErrorCode; title: string; status: number };
      should(ERROR_CODES).containEql(problem.code);
      const { title, status: expected } = new AppError(problem.code, '');
      should(problem).containEql({ title, status: expected });
      should(Number(status)).equal(expected);
    }
  });

  it('show on the dashboard only figures that the server has, by labels that these have', () => {
    const metrics = createMetrics();
    metrics.collectProcess();
    const known = new Map(
      metrics.registry
        .getMetricsAsArray()
        .map((metric) => [metric.name, (metric as { labelNames?: string[] }).labelNames ?? []]),
    );
    const dashboard = JSON.parse(read('docker/grafana-dashboard.json')) as {
      panels: { title: string; targets: { expr: string; legendFormat: string }[] }[];
    };
    const targets = dashboard.panels.flatMap((panel) => panel.targets);
    const shown = new Set<string>();
    for (const { expr, legendFormat } of targets) {
      const [name = ''] = all(expr, /\b((?:im|process|nodejs)_\w+|up)\b/g);
      const metric = known.has(name) ? name : name.replace(/_(bucket|count|sum)$/, '');
      // `up`, `instance` and `job` are Prometheus's own; `le` is the buckets'.
      should(['up', ...known.keys()]).containEql(metric);
      shown.add(metric);
      const grouped = all(expr, /by \(([\w, ]+)\)/g).flatMap((list) => list.split(/, */));
      for (const label of [...grouped, ...all(legendFormat, /\{\{(\w+)\}\}/g)]) {
        should(['instance', 'job', 'le', ...(known.get(metric) ?? [])]).containEql(label);
      }
    }
    for (const name of known.keys()) if (name.startsWith('im_')) should([...shown]).containEql(name);
  });
});
