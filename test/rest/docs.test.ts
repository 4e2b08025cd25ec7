import should from 'should';
import supertest from 'supertest';
import { APP_KEY } from '../support/server';
import { Api, ROUTES } from './api';
import { curlRequest } from './curl';

describe('The page of the API', () => {
  let api: Api;
  let html: string;
  let headers: Record<string, string>;
  before(async () => {
    api = await Api.start();
    const response = await supertest(api.server.url).get('/api/v2/docs');
    response.status.should.equal(200);
    [html, headers] = [response.text, response.headers];
  });
  after(() => api.stop());

  it('is HTML for everybody', () => {
    headers['content-type']!.should.equal('text/html; charset=utf-8');
    html.should.match(/^\s*<!doctype html>/);
  });

  it('runs nothing and loads nothing but its stylesheet', async () => {
    const policy = headers['content-security-policy'] ?? '';
    policy.should.match(/default-src 'none'; style-src 'self'/);
    html.should.not.match(/<script|<style|<iframe|<img|\sstyle=|\son\w+=|javascript:/i);
    const loaded = [...html.matchAll(/<link[^>]+href="([^"]+)"/g)].map(([, url]) => url!);
    loaded.should.eql(['/api/v2/docs.css']);
    const css = await supertest(api.server.url).get('/api/v2/docs.css');
    should([css.status, css.headers['content-type']]).eql([200, 'text/css; charset=utf-8']);
    css.text.should.not.match(/url\(|@import/);
  });

  it('shows every route, each where its link leads', () => {
    for (const { full, method, summary } of ROUTES) {
      const path = `/api/v2${full}`.replace(/\/$/, '').replaceAll(/:(\w+)/g, '{$1}');
      html.should.containEql(`${method}</span> <code>${path}</code>`);
      html.should.containEql(summary.replaceAll("'", '&#39;').replaceAll('"', '&#34;'));
    }
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!);
    new Set(ids).size.should.equal(ids.length);
    const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id!);
    links.length.should.be.above(100);
    for (const link of new Set(links)) ids.should.containEql(link);
  });

  it('its examples are true: curl’s addresses and bodies are taken by the server', async () => {
    const commands = [...html.matchAll(/<pre>(curl [^<]+)<\/pre>/g)].map(([, text]) =>
      text!.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&'),
    );
    commands.length.should.equal(ROUTES.length);
    for (const command of commands) {
      const response = await curlRequest(api.server.url, APP_KEY, command);
      // What they speak of does not exist here; but nothing is wrong with what they say.
      const faults = (response.body as { errors?: { message: string }[] }).errors ?? [];
      for (const { message } of faults) message.should.match(/no known user|no participant/);
      should({ command, fits: [200, 201, 204, 400, 404, 409].includes(response.status) }).eql({
        command,
        fits: true,
      });
    }
  });
});
