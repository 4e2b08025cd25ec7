import should from 'should';
import { AppError } from '../../src/errors';
import { type Send } from '../../src/commands/sending/send';
import { type QueuedSend, SendQueue } from '../../src/commands/sending/send-queue';

const MAX_SENDS = 5_000;
const MAX_LENGTH = 16 * 1024 * 1024;

/** A send of that many characters; what becomes of it is thrown away. */
function queued(length: number, since = performance.now()): QueuedSend {
  const content = 'x'.repeat(length);
  const send: Send = {
    sessionId: 's',
    senderId: 'D',
    byBackend: true,
    message: { type: 1, content },
    clientMsgId: null,
  };
  return { send, key: null, content, since, resolve: () => undefined, reject: () => undefined };
}

describe('The queue of sends', () => {
  const refused = (queue: SendQueue, length: number) => {
    try {
      queue.push(queued(length));
      return undefined;
    } catch (error) {
      should(error).be.instanceOf(AppError);
      return (error as AppError).code;
    }
  };

  it('takes 5,000 sends, and the next is unavailable until some are taken', () => {
    const queue = new SendQueue();
    for (let count = 0; count < MAX_SENDS; count += 1) should(refused(queue, 1)).be.undefined();
    should(refused(queue, 1)).equal('unavailable');
    queue.take(200, MAX_LENGTH).length.should.equal(200);
    for (let count = 0; count < 200; count += 1) should(refused(queue, 1)).be.undefined();
    should(refused(queue, 1)).equal('unavailable');
    queue.size.should.equal(MAX_SENDS);
  });

  it('takes 16 MiB of contents, and smaller ones where these still fit', () => {
    const queue = new SendQueue();
    const length = 250_000;
    const fitting = Math.floor(MAX_LENGTH / length);
    for (let count = 0; count < fitting; count += 1) should(refused(queue, length)).be.undefined();
    should(refused(queue, length)).equal('unavailable');
    should(refused(queue, 100)).be.undefined();
    // What a transaction takes is counted off, and so is what waited too long.
    queue.take(200, 1024 * 1024).length.should.equal(4);
    for (let count = 0; count < 4; count += 1) should(refused(queue, length)).be.undefined();
    should(refused(queue, length)).equal('unavailable');
  });

  it('gives back what was asked first, one at least, and refuses what waited too long', () => {
    const queue = new SendQueue();
    const told: string[] = [];
    const late = {
      ...queued(10, performance.now() - 9_001),
      reject: (error: unknown) => told.push((error as AppError).code),
    };
    const sends = [queued(300), late, queued(20), queued(30)];
    for (const each of sends) queue.push(each);
    queue.take(200, 100).should.eql([sends[0]]);
    queue.take(2, 100).should.eql([sends[2]]);
    told.should.eql(['unavailable']);
    queue.take(200, 100).should.eql([sends[3]]);
    queue.size.should.equal(0);
    for (let count = 0; count < MAX_SENDS; count += 1) should(refused(queue, 1)).be.undefined();
  });
});
