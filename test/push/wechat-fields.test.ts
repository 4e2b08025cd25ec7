import { execFileSync } from 'node:child_process';
import should from 'should';
import {
  fillLink,
  fillTemplate,
  fitField,
  messageText,
  nextShanghaiMidnight,
  shanghaiTime,
} from '../../src/push/wechat/wechat-fields';
import { fieldFault } from '../support/wechat-field-rules';

const TIME = new Date('2026-11-22T08:00:17.123Z');
const GRIN = '\u{1F600}';

describe('WeChat template fields', () => {
  const fits: [what: string, field: string, value: string, fitted: string][] = [
    ['thing: 20 characters stay', 'thing1', '字'.repeat(20), '字'.repeat(20)],
    ['thing: the 21st is cut', 'thing1', '字'.repeat(21), '字'.repeat(20)],
    ['thing: two digits in the name', 'thing12', 'a'.repeat(30), 'a'.repeat(20)],
    ['thing: emoji count once and stay whole', 'thing2', `a${GRIN.repeat(30)}`, `a${GRIN.repeat(19)}`],
    ['phrase: 5 characters', 'phrase3', '一二三四五六', '一二三四五'],
    ['character_string: 32 characters', 'character_string4', 'x'.repeat(33), 'x'.repeat(32)],
    ['number: 32 digits', 'number1', '9'.repeat(40), '9'.repeat(32)],
    ['letter: 32 letters', 'letter1', 'z'.repeat(40), 'z'.repeat(32)],
    ['symbol: 5', 'symbol1', '!'.repeat(9), '!'.repeat(5)],
    ['phone_number: 17', 'phone_number1', '电话+86-0766-66888866-12', '+86-0766-66888866'],
    ['car_number: 8', 'car_number1', '粤A8Z888挂牌', '粤A8Z888挂'],
    ['phrase: Chinese alone', 'phrase2', '[图片]', '图片'],
    ['phrase: Chinese between others', 'phrase2', '已 a1。回!复', '已回复'],
    ['phrase: nothing left', 'phrase2', 'paid: 5', '-'],
    ['phrase: rare characters are Chinese, too', 'phrase2', '\u{20BB7}野家', '\u{20BB7}野家'],
    ['character_string: no Chinese', 'character_string4', '单号 A-1_b#2', 'A-1_b#2'],
    ['character_string: nothing left', 'character_string4', '王医生', '-'],
    ['character_string: no emoji', 'character_string4', `a${GRIN}b`, 'ab'],
    ['number: digits alone', 'number1', '共 12 次,1.5 元', '1215'],
    ['number: nothing left', 'number1', '无', '0'],
    ['number: other scripts have no digits for it', 'number1', '٣३', '0'],
    ['letter: nothing left', 'letter1', '王1', '-'],
    ['name: 10 characters', 'name1', '欧阳'.repeat(6), '欧阳'.repeat(5)],
    ['name: 10 letters', 'name1', 'n'.repeat(25), 'n'.repeat(10)],
    ['name: no digits', 'name1', '王医生2号', '王医生号'],
    ['name: letters and Chinese alone', 'name1', '阿里·A. ba②', '阿里Aba'],
    ['name: cut after others were left out', 'name1', `1${'王'.repeat(9)}22医生`, `${'王'.repeat(9)}医`],
    ['name: nothing left', 'name1', '123', '-'],
    ['date: what is no time is left out', 'date2', '2026-11-22 16:00 前', '2026-11-22 16:00'],
    ['time: nothing left', 'time3', '明天', '-'],
    [
      'time: a range is whole',
      'time3',
      '2026-11-22 16:00~2026-11-23 16:00',
      '2026-11-22 16:00~2026-11-23 16:00',
    ],
    ['an old template: 20 characters', 'keyword1', 'k'.repeat(30), 'k'.repeat(20)],
    ['WeChat names fields with .DATA too', 'thing1.DATA', 't'.repeat(30), 't'.repeat(20)],
    ['line breaks become one blank', 'thing1', 'a\r\nb\n\n c\u2028d', 'a b c d'],
    ['other control characters too', 'thing1', 'a\tb\u0007c', 'a b c'],
    ['blanks at the ends go', 'thing1', ' \n a \n', 'a'],
    ['nothing left', 'thing1', '\n \n', '-'],
    ['empty', 'phrase1', '', '-'],
  ];
  for (const [what, field, value, fitted] of fits) {
    it(`fits: ${what}`, () => fitField(field, value).should.equal(fitted));
  }

  it('fills the default template so that WeChat takes it', () => {
    const template = { thing1: '{sender_name}', thing2: '{text}', time3: '{time}' };
    const data = fillTemplate(template, {
      sender_name: '王医生',
      text: `请\n按时${'吃药'.repeat(40)}`,
      time: TIME,
    });
    data.should.eql({
      thing1: { value: '王医生' },
      thing2: { value: `请 按时${'吃药'.repeat(8)}` },
      time3: { value: '2026-11-22 16:00' },
    });
    (fieldFault(data) === undefined).should.be.true();
  });

  it('makes whatever comes fit every kind, so that WeChat takes it', () => {
    const texts = [
      '',
      ' ',
      '王医生2号',
      '[图片]',
      'abc',
      '12.5',
      `${GRIN}\u0000x`,
      '请\n按时'.repeat(50),
      '\u202e¥§',
    ];
    const kinds = ['thing', 'phrase', 'name', 'character_string', 'number', 'letter', 'time', 'date'];
    for (const text of texts) {
      for (const kind of kinds) {
        const fitted = fitField(`${kind}1`, text);
        // `-` says that there is nothing to show.
        if (fitted === '-') continue;
        const fault = fieldFault({ [`${kind}1`]: { value: fitted } });
        // Only an operator's own text can be half a time.
        if (kind !== 'time' && kind !== 'date') should(fault).equal(undefined, `${kind}: ${fitted}`);
        fitField(`${kind}1`, fitted).should.equal(fitted);
      }
    }
  });

  it('takes no longer for a text that was made to be slow', () => {
    const begin = performance.now();
    for (const text of [
      `a${' '.repeat(5_000)}b`,
      '\n'.repeat(5_000),
      `${' \n'.repeat(2_500)}x`,
      '{'.repeat(5_000),
    ])
      for (let round = 0; round < 20; round += 1)
        fillTemplate({ thing1: '{text}', phrase2: '{text}' }, { text, time: TIME });
    (performance.now() - begin).should.be.below(1_500);
  });

  it('never takes what a value holds for a placeholder or a pattern', () => {
    const template = { thing1: '{sender_name}|{text}' };
    const values = { sender_name: '{text}$&', text: "{time}$1$'", time: TIME };
    fillTemplate(template, values).should.eql({ thing1: { value: "{text}$&|{time}$1$'" } });
  });

  it('shows - for a placeholder without a value, and leaves what is no placeholder', () => {
    const template = { thing1: '{session_name}/{topic_name}/{text}/{other}' };
    const values = { session_name: null, text: ' \n', time: TIME };
    fillTemplate(template, values).should.eql({ thing1: { value: '-/-/-/{other}' } });
  });

  it('shows - for a template text that is empty', () => {
    fillTemplate({ thing1: '', thing2: ' ' }, { time: TIME }).should.eql({
      thing1: { value: '-' },
      thing2: { value: '-' },
    });
  });

  const links: [link: string, sessionId: string, filled: string][] = [
    ['https://x.cn/im?s={session_id}', 'a:b@c', 'https://x.cn/im?s=a%3Ab%40c'],
    ['https://x.cn/{session_id}?again={session_id}', 's1', 'https://x.cn/s1?again=s1'],
    [
      'https://x.cn/{session_id}',
      '会话 $&{session_id}',
      'https://x.cn/%E4%BC%9A%E8%AF%9D%20%24%26%7Bsession_id%7D',
    ],
    ['https://x.cn/', 's1', 'https://x.cn/'],
  ];
  for (const [link, sessionId, filled] of links) {
    it(`makes ${filled}`, () => fillLink(link, sessionId).should.equal(filled));
  }

  const texts: [type: number, content: unknown, text: string][] = [
    [0, '系统', '[消息]'],
    [0, { title: '复诊提醒', content: 'x' }, '复诊提醒'],
    [0, { title: 5 }, '[消息]'],
    [0, { content: 'x' }, '[消息]'],
    [0, null, '[消息]'],
    [0, ['title'], '[消息]'],
    [4, { title: '文章的题目' }, '[文章]'],
    [1, 'hello', 'hello'],
    [2, { url: 'http://x' }, '[图片]'],
    [3, {}, '[语音]'],
    [4, {}, '[文章]'],
    [5, {}, '[链接]'],
    [6, {}, '咨询已开始'],
    [7, {}, '咨询已结束'],
    [0, { title: '签约成功', content: 1 }, '签约成功'],
    [0, { title: 1 }, '[消息]'],
    [8, {}, '[消息]'],
    [9, {}, '[图片]'],
    [10, '再见', '再见'],
    [12, {}, '[视频]'],
    [14, {}, '[视频通话]'],
  ];
  for (const [type, content, text] of texts) {
    it(`says ${text} for type ${type}`, () => messageText(type, content).should.equal(text));
  }
});

describe('Shanghai time', () => {
  const midnights: [now: string, midnight: string][] = [
    ['2026-11-22T15:59:59.999Z', '2026-11-22T16:00:00.000Z'],
    ['2026-11-22T16:00:00.000Z', '2026-11-23T16:00:00.000Z'],
    ['2026-12-31T20:00:00.000Z', '2027-01-01T16:00:00.000Z'],
    ['2028-02-28T16:00:00.001Z', '2028-02-29T16:00:00.000Z'],
  ];
  for (const [now, midnight] of midnights) {
    it(`puts the midnight after ${now} at ${midnight}`, () =>
      nextShanghaiMidnight(new Date(now)).toISOString().should.equal(midnight));
  }

  const times: [time: string, shown: string][] = [
    ['2026-11-22T08:00:59.999Z', '2026-11-22 16:00'],
    ['2026-12-31T16:00:00.000Z', '2027-01-01 00:00'],
    ['2026-07-01T00:05:00.000Z', '2026-07-01 08:05'],
  ];
  for (const [time, shown] of times) {
    it(`shows ${time} as ${shown}`, () => shanghaiTime(new Date(time)).should.equal(shown));
  }

  it("does not depend on the process's time zone", () => {
    const script =
      "const f = require('./src/push/wechat/wechat-fields');" +
      "const t = new Date('2026-07-01T15:59:59Z');" +
      'process.stdout.write(f.shanghaiTime(t) + f.nextShanghaiMidnight(t).toISOString())';
    const args = ['-r', 'ts-node/register/transpile-only', '-e', script];
    const printed = execFileSync(process.execPath, args, { env: { ...process.env, TZ: 'America/New_York' } });
    printed.toString().should.equal('2026-07-01 23:592026-07-01T16:00:00.000Z');
  });
});
