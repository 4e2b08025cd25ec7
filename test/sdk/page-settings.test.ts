import should from 'should';
import { requireOrSkip } from '../support/databases';
import { PATIENT, SESSION, Stage } from './support/stage';

/** What a page may set for its own requests, each of it enough to break somebody else's. */
const SETTINGS = `
  page.heard = [];
  jQuery.ajaxSetup({
    timeout: 1,
    method: 'PATCH',
    type: 'PATCH',
    contentType: 'text/plain',
    dataType: 'script',
    cache: false,
    username: 'page',
    data: { session: 'of the page' },
    headers: { Authorization: 'Bearer of-the-page', 'X-Page': '1' },
    beforeSend: function () { page.heard.push('beforeSend'); return false; },
    success: function () { page.heard.push('success'); },
    error: function () { page.heard.push('error'); },
    complete: function () { page.heard.push('complete'); },
    dataFilter: function () { return 'of the page'; },
    statusCode: { 200: function () { page.heard.push('200'); }, 404: function () { page.heard.push('404'); } }
  });
  jQuery.ajaxPrefilter(function (options, original, xhr) { page.heard.push('prefilter'); xhr.abort(); });
  jQuery.ajaxTransport('+*', function () { page.heard.push('transport'); });
  ['ajaxStart', 'ajaxSend', 'ajaxSuccess', 'ajaxError', 'ajaxComplete', 'ajaxStop'].forEach(function (name) {
    jQuery(document).on(name, function () { page.heard.push(name); });
  });
  undefined`;

describe("SDK: beside the page's own settings", () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage;

  beforeEach(async () => (stage = await Stage.open()));
  afterEach(() => stage.close());

  for (const jquery of ['jquery-1', 'jquery-3', 'jquery-4']) {
    it(`what ${jquery} was told of ajax changes no request, and hears of none`, async () => {
      await stage.doctorSays('old');
      const page = await stage.patient(jquery);
      await page.run(SETTINGS);
      const { items } = await page.call('history', { limit: 5 });
      should(items.map((item: { content: string }) => item.content)).deepEqual(['old']);
      should(await page.call('unreadCount')).equal(1);
      const gone = await page.call('sessions.messages', 'no-such-session');
      should(gone).deepEqual({
        rejected: { status: 404, code: 'not_found', detail: 'not_found', request_id: 'r-1' },
      });
      should(await page.run('page.heard')).deepEqual([]);

      // The settings are as hostile as they look.
      await page.run("jQuery.ajax('/api/v2/sessions/x/messages'); undefined");
      should(await page.run('page.heard')).not.be.empty();
    });
  }

  it('rejects what the browser does not send, such as a token that is no header', async () => {
    const page = await stage.page({
      token: 'a\nb',
      userId: PATIENT.id,
      userType: PATIENT.type,
      sessionId: SESSION,
    });
    should(await page.call('sessions.list')).containDeep({ rejected: { status: 0, code: 'unavailable' } });
  });
});
