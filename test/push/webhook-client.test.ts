import should from 'should';
import { WebhookClient } from '../../src/push/webhook/webhook-client';
import { freePort } from '../support/free-port';
import { newSecret, WebhookReceiver } from '../support/webhook-receiver';

const keyOf = (secret: string) => Buffer.from(secret.slice('whsec_'.length), 'base64');
const BODY = '{"type":"x","timestamp":"2026-01-01T00:00:00.000Z","data":{"name":"您好"}}';

describe('The webhook client', () => {
  let receiver: WebhookReceiver;
  before(async () => {
    receiver = await WebhookReceiver.start();
  });
  after(() => receiver.stop());
  beforeEach(() => receiver.reset());

  const client = (url = receiver.url, secrets = [receiver.secret], limitMs?: number) =>
    new WebhookClient({ url, keys: secrets.map(keyOf) }, limitMs);

  it('signs what the library of Standard Webhooks verifies, with every key', async () => {
    const secrets = [newSecret(24), receiver.secret, newSecret(64)];
    should(await client(receiver.url, secrets).post('e-1', BODY)).containEql({
      result: 'answered',
      status: 200,
    });
    should(receiver.faults).eql([]);
    const [{ headers, body }] = receiver.requests as [(typeof receiver.requests)[0]];
    should(body).equal(BODY);
    should(headers['webhook-id']).equal('e-1');
    should(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).be.below(5);
    should(headers['webhook-signature']).match(/^v1,[\w+/]{43}=( v1,[\w+/]{43}=){2}$/);
    should(headers).not.have.property('authorization');
  });

  it("sends the URL's user as Basic, and its query as it is", async () => {
    const url = receiver.url.replace('http://', 'http://us%40er:p%3Ass@');
    await client(`${url}?token=t%20t`).post('e-1', BODY);
    const [{ headers, url: path }] = receiver.requests as [(typeof receiver.requests)[0]];
    should(path).equal('/hook?token=t%20t');
    const [, credentials = ''] = headers.authorization?.split(' ') ?? [];
    should(Buffer.from(credentials, 'base64').toString()).equal('us@er:p:ss');
  });

  it('follows no redirect, and tells how long it is asked to wait', async () => {
    receiver.answer = () => ({ status: 302, headers: { location: receiver.url, 'retry-after': '7' } });
    should(await client().post('e-1', BODY)).eql({ result: 'answered', status: 302, retryAfter: '7' });
    receiver.requests.length.should.equal(1);
  });

  it('takes the status line for the answer, whatever comes behind it', async () => {
    receiver.answer = () => 'endless body';
    should(await client().post('e-1', BODY)).containEql({ result: 'answered', status: 200 });
  });

  it('gives up a receiver that does not answer, closes the connection, or is not there', async () => {
    receiver.answer = () => 'hang';
    should(await client(receiver.url, [receiver.secret], 100).post('e-1', BODY)).eql({
      result: 'failed',
      reason: 'no answer in time',
    });
    receiver.answer = () => 'close';
    const closed = await client().post('e-1', BODY);
    should(closed).have.properties({ result: 'failed' });
    const away = await client(`http://user:password@127.0.0.1:${await freePort()}/hook?token=t`).post(
      'e',
      BODY,
    );
    should(away).eql({ result: 'failed', reason: 'ECONNREFUSED' });
  });

  it('breaks off what is under way when it is closed', async () => {
    receiver.answer = () => 'hang';
    const one = client();
    const trying = one.post('e-1', BODY);
    one.close();
    should(await trying).eql({ result: 'broken off' });
  });
});
