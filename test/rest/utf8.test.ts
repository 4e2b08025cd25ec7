import should from 'should';
import { decodeUtf8 } from '../../src/controllers/input';

describe('A body in UTF-8', () => {
  it('is read as what it says, for every character there is', () => {
    for (let start = 0; start <= 0x10ffff; start += 0x1000) {
      let text = '';
      for (let code = start; code < start + 0x1000; code += 1) {
        if (code < 0xd800 || code > 0xdfff) text += String.fromCodePoint(code);
      }
      (decodeUtf8(Buffer.from(text)) === text).should.be.true();
    }
  });

  it('is read whatever its length, and whatever was read before', () => {
    for (const text of [
      '',
      'a',
      '您',
      '😀',
      'a您é😀',
      '您好'.repeat(40_000),
      'é'.repeat(200_000),
      '😀'.repeat(65_536),
      'x',
      '好',
    ])
      (decodeUtf8(Buffer.from(text)) === text).should.be.true();
  });

  it('keeps a byte order mark, which JSON does not allow', () => {
    should(decodeUtf8(Buffer.from('\ufeff您'))).equal('\ufeff您');
  });

  for (const [title, bytes] of Object.entries({
    'a byte that only follows': [0x80],
    'a character without its end': [0xe6, 0x82],
    'a character longer than it has to be': [0xc0, 0xaf],
    'half of a surrogate pair': [0xed, 0xa0, 0x80],
    'a character beyond the last one': [0xf4, 0x90, 0x80, 0x80],
    'a byte that never occurs': [0xff],
  })) {
    it(`is refused with ${title}`, () => {
      (() => decodeUtf8(Buffer.from([0x22, ...bytes, 0x22]))).should.throw(TypeError);
    });
  }
});
