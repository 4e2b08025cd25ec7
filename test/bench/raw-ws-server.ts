import { type WebSocket, WebSocketServer } from 'ws';

/**
 * The yardstick for sockets: nothing but ws. A frame from one socket of a session is serialised once and sent to all the
 * others, and nothing is stored. RAW_PORT says where.
 */
const rooms = new Map<string, Set<WebSocket>>();
let lastId = 0;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.RAW_PORT),
  path: '/ws',
  perMessageDeflate: false,
});

server.on('connection', (socket) => {
  let session = '';
  let user = '';
  socket.on('message', (bytes: Buffer) => {
    const frame = JSON.parse(bytes.toString()) as {
      type: string;
      data: Record<string, string>;
      ref?: string;
    };
    if (frame.type === 'login') {
      session = frame.data.session_id ?? '';
      user = frame.data.user_id ?? '';
      const others = rooms.get(session);
      if (others === undefined) rooms.set(session, new Set([socket]));
      else others.add(socket);
      socket.send('{"type":"login_ok","data":{}}');
    } else if (frame.type === 'message') {
      const { content, type } = frame.data;
      const message = {
        id: ++lastId,
        session_id: session,
        sender_id: user,
        type,
        content,
        timestamp: new Date().toISOString(),
      };
      const push = Buffer.from(JSON.stringify({ type: 'message', data: { message } }));
      for (const other of rooms.get(session) ?? []) if (other !== socket) other.send(push, { binary: false });
      socket.send(JSON.stringify({ type: 'message_ok', data: { message }, ref: frame.ref }));
    }
  });
  socket.on('close', () => rooms.get(session)?.delete(socket));
});

process.on('SIGTERM', () => process.exit(0));
