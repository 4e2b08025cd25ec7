import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { builtSource } from '../support/built-source';

describe('The strings of a process', () => {
  it('have their methods at hand when all that the server imports is loaded', () => {
    const context = path.join(builtSource(), 'context.js');
    const script = `require(${JSON.stringify(context)}); %HasFastProperties(String.prototype)`;
    execFileSync(process.execPath, ['--allow-natives-syntax', '-p', script], { encoding: 'utf8' })
      .trim()
      .should.equal('true');
  });
});
