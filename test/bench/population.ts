import { HttpConnection, requestText } from './client/http-connection';
import { type Account } from './client/tasks';
import { APP_KEY, type BenchServer } from './servers';

/** Participants that one request may name. */
const LIST_LIMIT = 500;

export interface User {
  id: string;
  type: 'doctor' | 'patient';
}

/** D… are doctors, P… patients. */
export function user(id: string): User {
  return { id, type: id.startsWith('P') ? 'patient' : 'doctor' };
}

/** Fills a server as the platform's backend does: through its API, over several connections at once. */
export class Population {
  private constructor(private readonly connections: HttpConnection[]) {}

  /** Opens connections for `work` and closes them afterwards. */
  static async of<T>(server: BenchServer, work: (population: Population) => Promise<T>): Promise<T> {
    const connections = await Promise.all(Array.from({ length: 16 }, () => HttpConnection.open(server.port)));
    try {
      return await work(new Population(connections));
    } finally {
      for (const connection of connections) connection.close();
    }
  }

  async users(users: readonly User[]): Promise<void> {
    await this.#all(users, ({ id, type }) => ({
      method: 'PUT',
      path: `/users/${id}`,
      body: { type, name: `${id}的名字`, ...(type === 'patient' ? { openid: `openid-${id}` } : {}) },
      status: 201,
    }));
  }

  /** Sessions of type 1, with as many participants as wanted. */
  async sessions(sessions: readonly { id: string; participants: readonly string[] }[]): Promise<void> {
    const named = (ids: readonly string[]) => ids.map((id) => ({ id }));
    await this.#all(sessions, ({ id, participants }) => ({
      method: 'POST',
      path: '/sessions',
      body: { id, type: 1, name: `会话${id}`, participants: named(participants.slice(0, LIST_LIMIT)) },
      status: 201,
    }));
    const more = sessions.flatMap(({ id, participants }) => {
      const parts: { id: string; part: readonly string[] }[] = [];
      for (let start = LIST_LIMIT; start < participants.length; start += LIST_LIMIT) {
        parts.push({ id, part: participants.slice(start, start + LIST_LIMIT) });
      }
      return parts;
    });
    await this.#all(more, ({ id, part }) => ({
      method: 'POST',
      path: `/sessions/${id}/participants`,
      body: { participants: named(part) },
      status: 200,
    }));
  }

  /** Logs users in. @param hasPhones whether each does so on a phone that pushes go to. @returns by user */
  async tokens(users: readonly User[], hasPhones = false): Promise<Map<string, string>> {
    const bodies = await this.#all(users, ({ id, type }) => ({
      method: 'POST',
      path: '/users/login',
      body: {
        user_id: id,
        user_type: type,
        ...(hasPhones ? { platform: 'ios', client_id: `phone-${id}` } : {}),
      },
      status: 200,
    }));
    return new Map(
      users.map(({ id }, index) => [id, (JSON.parse(bodies[index] ?? '') as { token: string }).token]),
    );
  }

  /** One message of each user's, by the backend. @returns their ids */
  async messages(sends: readonly { sessionId: string; senderId: string }[]): Promise<number[]> {
    const bodies = await this.#all(sends, ({ senderId, sessionId }) => ({
      method: 'POST',
      path: `/sessions/${sessionId}/messages`,
      body: { sender_id: senderId, type: 1, content: `to ${sessionId}` },
      status: 201,
    }));
    return bodies.map((body) => (JSON.parse(body) as { id: number }).id);
  }

  /** @throws at the first answer with another status than was asked for. @returns the bodies, in the items' order */
  async #all<T>(
    items: readonly T[],
    requestOf: (item: T) => { method: string; path: string; body: unknown; status: number },
  ): Promise<string[]> {
    const bodies: string[] = [];
    let next = 0;
    await Promise.all(
      this.connections.map(async (connection) => {
        for (let index = next++; index < items.length; index = next++) {
          const { body, method, path, status } = requestOf(items[index] as T);
          const answer = await connection.request(
            requestText(method, `/api/v2${path}`, `X-IM-App-Key: ${APP_KEY}\r\n`, JSON.stringify(body)),
          );
          if (answer.status !== status) {
            throw new Error(
              `${method} ${path} was answered with ${answer.status} ${answer.body.slice(0, 200)}`,
            );
          }
          bodies[index] = answer.body;
        }
      }),
    );
    return bodies;
  }
}

/** A user as a load client needs it; the yardsticks ask for no token. */
export function account(port: number, id: string, tokens?: ReadonlyMap<string, string>): Account {
  return { port, userId: id, userType: user(id).type, token: tokens?.get(id) ?? '' };
}
