import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort } from '../../support/free-port';
import type { Backend, Member, StoredMessage } from './backend';

interface Message extends StoredMessage {
  sender_name: string;
  type: number;
  timestamp: string;
}

interface Session {
  members: Map<string, Member>;
  messages: Message[];
  /** The id up to which each member has read. */
  read: Map<string, number>;
}

interface Frame {
  type: string;
  data: Record<string, unknown>;
  ref?: string;
}

class Refusal extends Error {}

/**
 * Speaks the frames of the contract's section 7, and as much REST as the SDK's own calls need, over a store in memory; for what
 * the real server would not do, or not at a word.
 */
export class ProtocolServer implements Backend {
  port = 0;
  private readonly sessions = new Map<string, Session>();
  private readonly sockets = new Map<WebSocket, { user: Member; sessionId: string | null }>();
  private server: Server | undefined;
  private lastId = 0;

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.answer(request, response);
    });
    const sockets = new WebSocketServer({ server, path: '/ws' });
    sockets.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        this.hear(socket, JSON.parse(data.toString('utf8')) as Frame);
      });
      socket.on('close', () => this.sockets.delete(socket));
    });
    // Not any free port: it is stopped, and has to get the same one again.
    if (this.port === 0) this.port = await freePort();
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.server = server;
  }

  async stop(): Promise<void> {
    const server = this.server;
    if (server === undefined) return;
    this.server = undefined;
    for (const socket of this.sockets.keys()) socket.close(1012);
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
      setTimeout(() => {
        for (const socket of this.sockets.keys()) socket.terminate();
      }, 50);
    });
  }

  addSession(id: string, members: readonly Member[]): Promise<void> {
    this.sessions.set(id, {
      members: new Map(members.map((member) => [member.id, member])),
      messages: [],
      read: new Map(members.map((member) => [member.id, this.lastId])),
    });
    return Promise.resolve();
  }

  /** Makes the user a participant who has read what is there already. */
  join(sessionId: string, member: Member): void {
    const { members, messages, read } = this.session(sessionId, undefined);
    members.set(member.id, member);
    read.set(member.id, messages.at(-1)?.id ?? 0);
  }

  token(user: Member): Promise<string> {
    return Promise.resolve(`token-of-${user.id}`);
  }

  dispose(): Promise<void> {
    return this.stop();
  }

  post(sessionId: string, senderId: string, text: string): Promise<number> {
    return Promise.resolve(this.store(sessionId, senderId, { type: 1, content: text }).id);
  }

  stored(sessionId: string): Promise<StoredMessage[]> {
    return Promise.resolve(this.session(sessionId, undefined).messages);
  }

  /** The id up to which the user has read in the session. */
  readUpTo(sessionId: string, userId: string): number {
    return this.session(sessionId, userId).read.get(userId) ?? 0;
  }

  /** Ends the user's sockets with that code, as the server does when a token is revoked or a participant removed. */
  closeSockets(userId: string, code: number): void {
    for (const [socket, login] of this.sockets) if (login.user.id === userId) socket.close(code);
  }

  /** Sends a frame to all sockets of the user. */
  push(userId: string, type: string, data: object): void {
    for (const [socket, login] of this.sockets) if (login.user.id === userId) send(socket, { type, data });
  }

  private session(id: string, userId: string | undefined): Session {
    const session = this.sessions.get(id);
    if (session === undefined || (userId !== undefined && !session.members.has(userId))) {
      throw new Refusal('not_found');
    }
    return session;
  }

  private store(
    sessionId: string,
    senderId: string,
    input: Record<string, unknown>,
    from?: WebSocket,
  ): Message {
    const session = this.session(sessionId, senderId);
    const clientMsgId = typeof input.client_msg_id === 'string' ? input.client_msg_id : null;
    const first = session.messages.find(
      (known) => clientMsgId !== null && known.sender_id === senderId && known.client_msg_id === clientMsgId,
    );
    if (first !== undefined) return first;
    if (input.type !== 1 || typeof input.content !== 'string' || input.content === '') {
      throw new Refusal('validation_failed');
    }
    const message: Message = {
      id: ++this.lastId,
      session_id: sessionId,
      sender_id: senderId,
      sender_name: senderId,
      type: 1,
      content: input.content,
      timestamp: new Date().toISOString(),
      client_msg_id: clientMsgId,
    };
    session.messages.push(message);
    for (const [socket, login] of this.sockets) {
      if (socket === from || !session.members.has(login.user.id)) continue;
      if (login.sessionId === null || login.sessionId === sessionId)
        send(socket, { type: 'message', data: { message } });
      else if (login.user.id !== senderId) {
        send(socket, { type: 'notification', data: { session_id: sessionId, message } });
      }
    }
    return message;
  }

  private hear(socket: WebSocket, frame: Frame): void {
    try {
      const login = this.sockets.get(socket);
      if (login === undefined) {
        this.login(socket, frame);
        return;
      }
      const sessionId =
        typeof frame.data.session_id === 'string' ? frame.data.session_id : (login.sessionId ?? '');
      this.serve(socket, login.user, sessionId, frame);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(socket, { type: 'error', data: { code: error.message, detail: error.message }, ref: frame.ref });
    }
  }

  private login(socket: WebSocket, { type, data }: Frame): void {
    if (type !== 'login') throw new Refusal('unauthenticated');
    const refuse = (code: string, close: number): void => {
      send(socket, { type: 'error', data: { code, detail: `${code} at login` } });
      socket.close(close);
    };
    const userId = /^token-of-(.+)$/.exec(String(data.token))?.[1];
    if (userId === undefined) {
      refuse('unauthenticated', 4401);
      return;
    }
    const sessionId = typeof data.session_id === 'string' ? data.session_id : null;
    if (sessionId === null && data.user_type === 'patient') {
      refuse('validation_failed', 4400);
      return;
    }
    const mine = [...this.sessions].filter(([, session]) => session.members.has(userId));
    const bound = mine.find(([id]) => id === sessionId);
    if (sessionId !== null && bound === undefined) {
      refuse('not_found', 4404);
      return;
    }
    const user = mine[0]?.[1].members.get(userId) ?? { id: userId, type: 'doctor' };
    this.sockets.set(socket, { user, sessionId });
    const heads = mine.map(([id, { messages }]) => ({
      session_id: id,
      last_message_id: messages.at(-1)?.id ?? 0,
    }));
    const head = heads.find(({ session_id }) => session_id === sessionId);
    send(socket, {
      type: 'login_ok',
      data: {
        user_id: userId,
        session_id: sessionId,
        last_message_id: head?.last_message_id ?? null,
        unread_count: 0,
        heartbeat_interval_ms: 30_000,
        ...(sessionId === null ? { sessions: heads } : {}),
      },
    });
  }

  private serve(socket: WebSocket, user: Member, sessionId: string, { type, data, ref }: Frame): void {
    const answer = (kind: string, body: object): void => {
      send(socket, { type: kind, data: body, ref });
    };
    switch (type) {
      case 'message':
        answer('message_ok', { message: this.store(sessionId, user.id, data, socket) });
        break;
      case 'sync': {
        const newer = this.session(sessionId, user.id).messages.filter(({ id }) => id > Number(data.after));
        const size = Number(data.limit ?? 50);
        answer('sync_ok', { items: newer.slice(0, size), more: newer.length > size });
        break;
      }
      case 'read':
        this.session(sessionId, user.id).read.set(user.id, Number(data.message_id));
        break;
      case 'ping':
        answer('pong', {});
        break;
      case 'call_invite':
        answer('call_ok', { call_id: `call-in-${sessionId}`, ice_servers: [] });
        break;
      case 'call_accept':
        throw new Refusal('not_found');
      default: // Frames that have no answer.
    }
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost');
    try {
      const userId = /^Bearer token-of-(.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      json(response, 200, this.rest(userId, decodeURIComponent(url.pathname), url.searchParams));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      json(response, 404, { status: 404, code: error.message, detail: error.message, request_id: 'r-1' });
    }
  }

  private rest(userId: string, pathname: string, query: URLSearchParams): object {
    const [, sessionId = '', what = ''] = /^\/api\/v2\/sessions\/([^/]+)\/?(.*)$/.exec(pathname) ?? [];
    if (sessionId === 'unread_message_count')
      return { user_id: userId, count: this.unreadOf(userId), sessions: [] };
    const { messages, read } = this.session(sessionId, userId);
    const unread = messages.filter(
      ({ id, sender_id }) => id > (read.get(userId) ?? 0) && sender_id !== userId,
    );
    const limit = Number(query.get('limit') ?? 50);
    if (what === 'unread_message_count')
      return { user_id: userId, session_id: sessionId, count: unread.length };
    if (what === 'messages/unread') return { items: unread.slice(0, limit), more: unread.length > limit };
    if (what !== 'messages') throw new Refusal('not_found');
    const older = messages.filter(({ id }) => id < Number(query.get('before') ?? Infinity));
    if (query.get('peek') !== '1') read.set(userId, older.at(-1)?.id ?? 0);
    return { items: older.slice(-limit), more: older.length > limit };
  }

  private unreadOf(userId: string): number {
    const mine = [...this.sessions.values()].filter(({ members }) => members.has(userId));
    return mine.flatMap(({ messages, read }) => messages.filter(({ id }) => id > (read.get(userId) ?? 0)))
      .length;
  }
}

function send(socket: WebSocket, frame: object): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'Content-Type': status < 400 ? 'application/json' : 'application/problem+json',
  });
  response.end(JSON.stringify(body));
}
