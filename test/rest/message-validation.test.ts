import { Api, faultPaths, type Faulty, runFaulty } from './api';

const URL_2048 = `https://files.example.com/${'a'.repeat(2022)}`;
const many = <T>(count: number, item: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => item(index));

describe('Validation of messages and topics', () => {
  let api: Api;
  before(async () => {
    api = await Api.start();
    await api.server.users('D1', 'D2', 'P1');
    await api.server.session('s1', 1, 'D1', 'P1');
  });
  after(() => api.stop());

  const faulty = (method: 'POST' | 'PUT', path: string, inputs: readonly Faulty[]) =>
    runFaulty(() => api, method, path, inputs);

  faulty('POST', '/sessions/s1/messages', [
    ['nothing', {}, 'type', 'content'],
    ['a content of no type', { content: 'a' }, 'type'],
    ['a reserved type of no content', { sender_id: 'D1', type: 6 }, 'type', 'content'],
    [
      'bad envelope',
      { sender_id: '', client_msg_id: '', type: 1, content: 'a' },
      'sender_id',
      'client_msg_id',
    ],
    [
      'envelope and content at once',
      { sender_id: '', client_msg_id: 'x'.repeat(129), type: 1, content: '' },
      'sender_id',
      'client_msg_id',
      'content',
    ],
    ['an unknown sender', { sender_id: 'X1', type: 1, content: 'a' }, 'sender_id'],
    ['no participant', { sender_id: 'D2', type: 1, content: 'a' }, 'sender_id'],
    ['no sender', { type: 1, content: 'a' }, 'sender_id'],
    ['a type as text', { sender_id: 'D1', type: '1', content: 'a' }, 'type'],
    ...[6, 7, 10, 11, 13, 14, 15, -1, 1.5, null].map((type): Faulty => [
      `type ${type}`,
      { sender_id: 'D1', type, content: 'a' },
      'type',
    ]),
    ['type 0 as a number', { type: 0, content: 5 }, 'content'],
    ['type 0 as a list', { type: 0, content: [] }, 'content'],
    ['no text', { sender_id: 'D1', type: 1 }, 'content'],
    ['5,001 characters', { sender_id: 'D1', type: 1, content: '字'.repeat(5001) }, 'content'],
    ['an object for a text', { sender_id: 'D1', type: 1, content: { text: 'a' } }, 'content'],
    ['a text for an image', { sender_id: 'D1', type: 2, content: 'https://x.example.com/a.jpg' }, 'content'],
    [
      'an image of nothing',
      { sender_id: 'D1', type: 2, content: { thumbnail: 'x', width: 0, height: 1.5 } },
      'content.url',
      'content.thumbnail',
      'content.width',
      'content.height',
    ],
    [
      'a script for an image',
      { sender_id: 'D1', type: 9, content: { url: 'javascript:alert(1)' } },
      'content.url',
    ],
    ['data for an image', { sender_id: 'D1', type: 2, content: { url: 'data:text/html,x' } }, 'content.url'],
    ['an address with a blank', { sender_id: 'D1', type: 2, content: { url: 'https://a b' } }, 'content.url'],
    ['an address without a host', { sender_id: 'D1', type: 2, content: { url: 'https://' } }, 'content.url'],
    ['2,049 characters', { sender_id: 'D1', type: 2, content: { url: `${URL_2048}a` } }, 'content.url'],
    [
      'a voice without its length',
      { sender_id: 'D1', type: 3, content: { url: URL_2048 } },
      'content.duration',
    ],
    [
      'a voice of -1 s',
      { sender_id: 'D1', type: 3, content: { url: URL_2048, duration: -1 } },
      'content.duration',
    ],
    ['an article of nothing', { sender_id: 'D1', type: 4, content: {} }, 'content.title', 'content.url'],
    [
      'every field of an article',
      { sender_id: 'D1', type: 4, content: { title: '', url: '', summary: 1, image: '' } },
      'content.title',
      'content.url',
      'content.summary',
      'content.image',
    ],
    ['a jump of nothing', { sender_id: 'D1', type: 5, content: {} }, 'content.title', 'content.url'],
    [
      'a forward of nothing',
      { sender_id: 'D1', type: 8, content: {} },
      'content.session_id',
      'content.message_id',
    ],
    [
      'a forward of no id',
      { sender_id: 'D1', type: 8, content: { session_id: 'recent', message_id: 0 } },
      'content.session_id',
      'content.message_id',
    ],
    [
      'a forward of an id as text',
      { sender_id: 'D1', type: 8, content: { session_id: 's1', message_id: '1' } },
      'content.message_id',
    ],
    [
      'a forward of a message that is not there',
      { sender_id: 'D1', type: 8, content: { session_id: 's1', message_id: 999 } },
      'content',
    ],
    [
      'a forward and a quote of messages that are not there',
      { sender_id: 'D1', type: 8, content: { session_id: 's1', message_id: 999 }, reply_to: 998 },
      'content',
      'reply_to',
    ],
    [
      "a file that is nobody's, and a quote of nothing",
      { sender_id: 'D1', type: 2, content: { file_id: '0'.repeat(32) }, reply_to: 998 },
      'content.file_id',
      'reply_to',
    ],
    [
      'a video of nothing',
      { sender_id: 'D1', type: 12, content: { cover: 'x' } },
      'content.url',
      'content.cover',
      'content.duration',
    ],
  ]);

  const message = { session_id: 's1', name: 'x' };
  faulty('POST', '/sessions/t1/topics', [
    ['nothing', {}, 'session_id', 'name'],
    [
      'every field',
      {
        session_id: 'topic',
        user_id: '',
        name: '',
        description: 5,
        type: 1.5,
        session_name: '',
        session_type: 9,
        participants: [{}],
        messages: [{}],
      },
      'session_id',
      'user_id',
      'name',
      'description',
      'type',
      'session_name',
      'session_type',
      'participants.0.id',
      'messages.0.type',
      'messages.0.content',
    ],
    [
      'messages in part',
      {
        ...message,
        messages: [
          { sender_id: 'D1', type: 1, content: 'a' },
          { sender_id: '', type: 3, content: { url: 'x' } },
        ],
      },
      'messages.1.sender_id',
      'messages.1.content.url',
      'messages.1.content.duration',
    ],
    [
      'a type of the server',
      { ...message, messages: [{ sender_id: 'D1', type: 7, content: 'a' }] },
      'messages.0.type',
    ],
    [
      '501 messages',
      { ...message, messages: many(501, () => ({ sender_id: 'D1', type: 1, content: 'a' })) },
      'messages',
    ],
    [
      'a sender who is not there',
      {
        ...message,
        messages: [
          { sender_id: 'P1', type: 1, content: 'a' },
          { sender_id: 'D2', type: 1, content: 'a' },
        ],
      },
      'messages.1.sender_id',
    ],
    [
      'a first sender who is not there',
      { ...message, messages: [{ sender_id: 'D2', type: 1, content: 'a' }] },
      'messages.0.sender_id',
    ],
    [
      'senders who are not there, and none',
      {
        ...message,
        messages: ['D2', 'P1', 'X1', undefined].map((id) => ({ sender_id: id, type: 1, content: 'a' })),
      },
      'messages.0.sender_id',
      'messages.2.sender_id',
      'messages.3.sender_id',
    ],
    ['no sender', { ...message, messages: [{ type: 1, content: 'a' }] }, 'messages.0.sender_id'],
    [
      'a forward of nothing',
      {
        ...message,
        messages: [{ sender_id: 'P1', type: 8, content: { session_id: 's1', message_id: 999 } }],
      },
      'messages.0.content',
    ],
    [
      'forwards of nothing, and files that are not there',
      {
        ...message,
        messages: [
          { sender_id: 'P1', type: 8, content: { session_id: 's1', message_id: 999 } },
          { sender_id: 'P1', type: 1, content: 'a' },
          { sender_id: 'P1', type: 2, content: { file_id: '0'.repeat(32) } },
          { sender_id: 'P1', type: 8, content: { session_id: 's1', message_id: 998 } },
        ],
      },
      'messages.0.content',
      'messages.2.content.file_id',
      'messages.3.content',
    ],
    ['an unknown participant', { ...message, participants: [{ id: 'X1' }] }, 'participants.0.id'],
    ['5,001 characters', { ...message, description: 'x'.repeat(5001) }, 'description'],
    ['a type beyond 32 bits', { ...message, type: 2147483648 }, 'type'],
  ]);

  faulty('PUT', '/sessions/topics/t1', [
    [
      'every field',
      { name: '', description: 'x'.repeat(5001), type: 'a', reply: 2 },
      'name',
      'description',
      'type',
      'reply',
    ],
    ['no name at all', { name: null }, 'name'],
  ]);

  faulty('PUT', '/sessions/s1/topics/t1/ended', [
    ['nobody named', {}, 'user_id'],
    ['nobody named and an empty message', { message: '' }, 'user_id', 'message'],
    ['every field', { user_id: 1, user_name: '', message: '' }, 'user_id', 'user_name', 'message'],
    ['5,001 characters', { user_id: 'D1', message: 'x'.repeat(5001) }, 'message'],
  ]);

  it('the detail names a fault, the list names all of them once', async () => {
    const answer = await api.post('backend', '/sessions/s1/messages', {
      sender_id: 5,
      type: 2,
      content: { url: 'x', width: 'x' },
    });
    const body = answer.body as { detail: string; errors: { path: string; message: string }[] };
    body.detail.should.match(/^(sender_id|content\.(url|width)): /);
    faultPaths(answer).should.eql(['content.url', 'content.width', 'sender_id']);
    new Set(body.errors.map((each) => JSON.stringify(each))).size.should.equal(body.errors.length);
    for (const { message } of body.errors) message.should.be.a.String().and.not.be.empty();
  });
});
