import { readFileSync } from 'node:fs';
import path from 'node:path';
import should from 'should';
import { requireOrSkip } from '../support/databases';
import { type ChatPage, until } from './support/chat-page';
import { RealServer } from './support/real-server';
import { DOCTOR, PATIENT, SESSION, Stage } from './support/stage';

/** The JavaScript under "In short" in doc/sdk.md: the page, and the texts for people. */
function example(): string {
  const text = readFileSync(path.join(__dirname, '../../doc/sdk.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('In short')) ?? '';
  const blocks = [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  should(blocks).have.length(2);
  return blocks.join('\n');
}

describe('SDK: the first example of the guide', () => {
  if (!requireOrSkip('chromium')) return;
  let stage: Stage<RealServer>;

  beforeEach(async () => (stage = await Stage.on(new RealServer())));
  afterEach(() => stage.close());

  /** A page that runs the example as the patient. */
  async function running(): Promise<ChatPage> {
    const token = JSON.stringify(await stage.server.token(PATIENT));
    const code = example()
      .replace('http://host:port', stage.proxy.url)
      .replace("'P1'", `'${PATIENT.id}'`)
      .replace("'S1'", `'${SESSION}'`);
    const page = await stage.patient();
    await page.run(`$('body').append('<ul id="messages"></ul>');
      (function (token) { ${code} page.client = client; page.say = say; })(${token}); undefined`);
    return page;
  }

  const lines = (page: ChatPage) =>
    page.run<string[]>("$('#messages li').map(function () { return $(this).text(); }).get()");

  async function shows(page: ChatPage, ...expected: string[]): Promise<void> {
    await until(`${expected.at(-1)} is shown`, async () => (await lines(page)).includes(expected.at(-1)!));
    should(await lines(page)).deepEqual(expected);
  }

  it('shows each message once, over drops, from an empty session on', async () => {
    const page = await running();
    const own = `${PATIENT.id}：您好`;
    await shows(page, own);
    const said = (text: string) => `${DOCTOR.id}：${text}`;
    await stage.doctorSays('一');
    await shows(page, own, said('一'));
    for (const text of ['二', '三']) {
      stage.proxy.refusing = true;
      stage.proxy.cut();
      await stage.doctorSays(`${text}、断线时`);
      stage.proxy.refusing = false;
      await page.online();
      await until('it comes', async () => (await lines(page)).includes(said(`${text}、断线时`)));
    }
    await stage.doctorSays('四');
    await shows(page, own, said('一'), said('二、断线时'), said('三、断线时'), said('四'));
  });

  it('shows what was there before, and tells people what went wrong in Chinese', async () => {
    await stage.doctorSays('早', '好');
    const page = await running();
    await until('all is shown', async () => (await lines(page)).length === 3);
    should(await lines(page)).deepEqual([`${DOCTOR.id}：早`, `${DOCTOR.id}：好`, `${PATIENT.id}：您好`]);
    const told = await page.run<string[]>(`(function () {
      var told = []; var alert = window.alert;
      window.alert = function (text) { told.push(text); };
      page.say({ code: 'rate_limited', detail: 'too fast' }); page.say({ code: 'new', detail: 'x' });
      window.alert = alert;
      return told;
    })()`);
    should(told).deepEqual(['操作太频繁，请稍后再试', '出错了，请稍后再试']);
  });
});
