import { HttpConnection } from './http-connection';
import { idInBody, messageOf, sendFrame, sendRequest } from './messages';
import { messageIdIn, SocketConnection } from './socket-connection';
import { type SenderPlan } from './tasks';

const SOCKET_ANSWER_LIMIT_MS = 15_000;

/** One user with one connection, who sends one message after the other. */
export interface Sender {
  /**
   * Sends the n-th message.
   * @returns its id
   * @throws with what was answered instead
   */
  send(n: number): Promise<number>;
  close(): void;
}

export type OpenSender = (run: string, plan: SenderPlan, index: number) => Promise<Sender>;

export const openRestSender: OpenSender = async (run, plan, index) => {
  const connection = await HttpConnection.open(plan.port);
  return {
    send: async (n) => {
      const { body, status } = await connection.request(sendRequest(plan, messageOf(run, plan, index, n)));
      const id = idInBody(body);
      if (status !== 201 || id === 0)
        throw new Error(`a send was answered with ${status} ${body.slice(0, 200)}`);
      return id;
    },
    close: () => connection.close(),
  };
};

/** A socket takes 50 frames a second and waits with the rest: a sender who has several sessions uses a socket for each of these. */
const SOCKETS = 4;

/** Each socket is bound to one of the sender's sessions; they are used in turn. */
export const openSocketSender: OpenSender = async (run, plan, index) => {
  let settle: ((id: number, error?: Error) => void) | undefined;
  const open = async (sessionId: string) => {
    const connection = await SocketConnection.login({ ...plan, sessionId });
    connection.onFrame = (type, bytes) => {
      if (type === 'message_ok') settle?.(messageIdIn(bytes));
      else if (type === 'error') settle?.(0, new Error(`a send was answered with ${bytes.toString('utf8')}`));
    };
    connection.onClose = () => settle?.(0, new Error('the sending socket was closed'));
    return connection;
  };
  const connections = await Promise.all(plan.sessions.slice(0, SOCKETS).map(open));
  return {
    send: (n) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          settle?.(0, new Error(`no message_ok in ${SOCKET_ANSWER_LIMIT_MS} ms`));
        }, SOCKET_ANSWER_LIMIT_MS);
        settle = (id, error) => {
          settle = undefined;
          clearTimeout(timer);
          if (error === undefined) resolve(id);
          else reject(error);
        };
        connections[n % connections.length]!.send(sendFrame(messageOf(run, plan, index, n)));
      }),
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
};
