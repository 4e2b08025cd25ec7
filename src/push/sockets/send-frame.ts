import { type Duplex } from 'node:stream';
import { type WebSocket } from 'ws';
import { CLOSE } from './close-codes';
import { type TextFrame } from './text-frame';

/** A push is dropped, and its socket with it, once this much waits for a peer that does not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** How long a peer may take to answer a close frame: behind 1 MiB of pushes it comes late on a slow network. */
const CLOSE_GRACE_MS = 10_000;

const transports = new WeakMap<WebSocket, Duplex>();

/** To be called for each new socket: what it was made of. */
export function carriedBy(ws: WebSocket, transport: Duplex): void {
  transports.set(ws, transport);
}

/** More than this is written at once, whatever else may come: what waits counts as unread. */
const TOGETHER_BYTES = 64 * 1024;

/** Connections that hold back what is written to them; undefined: none does. */
let holding: Duplex[] | undefined;

/** What `work` pushes to one socket is written in one go: a write costs as much as all the rest of a push. */
export function together(work: () => void): void {
  const held: Duplex[] = [];
  holding = held;
  try {
    work();
  } finally {
    holding = undefined;
    for (const transport of held) transport.uncork();
  }
}

function write(transport: Duplex, bytes: Buffer): void {
  if (holding !== undefined) {
    if (transport.writableCorked === 0) {
      transport.cork();
      holding.push(transport);
    } else if (transport.writableLength > TOGETHER_BYTES) {
      transport.uncork();
      transport.cork();
    }
  }
  transport.write(bytes);
}

/**
 * A `TextFrame` goes to the connection as it is: ws would frame it for each of its receivers, in two pieces. It sends every
 * frame of its own in one go (nothing is compressed or fragmented), so frames never mix.
 * @returns false when the peer does not read: then the socket is dropped with 1013
 */
export function sendFrame(ws: WebSocket, frame: TextFrame | string): boolean {
  if (ws.readyState !== ws.OPEN) return false;
  if (ws.bufferedAmount > MAX_BUFFERED_BYTES) {
    closeSocket(ws, CLOSE.tryAgainLater, 'too much is waiting for this socket');
    return false;
  }
  if (typeof frame === 'string') {
    ws.send(frame);
  } else {
    const transport = transports.get(ws);
    if (transport !== undefined) write(transport, frame.bytes);
  }
  return true;
}

/** Sends a close frame and ends the connection soon after, whether or not the peer answers. */
export function closeSocket(ws: WebSocket, code: number, reason: string): void {
  if (ws.readyState !== ws.OPEN) return;
  ws.close(code, reason);
  // The peer's answer is read, also on a socket that was to wait.
  ws.resume();
  setTimeout(() => ws.terminate(), CLOSE_GRACE_MS).unref();
}
