import { type Answer, type Api } from './api';

export interface Topic {
  id: string;
  session_id: string;
  status: number;
  reply: number;
  reply_time: string | null;
  create_time: string;
  start_message_id: number;
  end_message_id: number | null;
}

export interface Message {
  id: number;
  sender_id: string;
  sender_name: string;
  type: number;
  content: unknown;
  timestamp: string;
}

/** What most tests of topics do. */
export function topicSteps(api: () => Api) {
  const start = (by: string, topic: string, body: object): Promise<Answer> =>
    api().post(by, `/sessions/${topic}/topics`, { name: '咨询', ...body });
  return {
    start,
    started: async (by: string, session: string, body: object = {}) => {
      const { body: topic, status } = await start(by, api().fresh('t'), { session_id: session, ...body });
      status.should.equal(201, JSON.stringify(topic));
      return topic as Topic;
    },
    end: (by: string, session: string, topic: string, body: object = {}) =>
      api().put(by, `/sessions/${session}/topics/${topic}/ended`, body),
    topicOf: async (topic: string) => (await api().get('backend', `/sessions/topics/${topic}`)).body as Topic,
    messagesOf: async (session: string) =>
      (await api().get('backend', `/sessions/${session}/messages?limit=200`)).body.items as Message[],
    topicMessages: async (topic: string, query = '') =>
      (await api().get('backend', `/sessions/topic/${topic}/messages?${query}`)).body as {
        items: Message[];
        more: boolean;
      },
  };
}

/** A text for the `messages` of a start. */
export function text(sender?: string, content = 'x') {
  return { ...(sender === undefined ? {} : { sender_id: sender }), type: 1, content };
}
