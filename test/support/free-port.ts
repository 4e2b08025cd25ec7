import net from 'node:net';

// Below Linux's ephemeral range (32768 and up): there, the port of a server that a test has stopped could be taken by any
// outgoing connection, and a client that keeps dialling it could even connect to itself.
const LOWEST = 15_000;
const HIGHEST = 32_000;

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** A TCP port of 127.0.0.1 on which nothing listens, for a server that has to come back on the same port. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await canListen(port)) return port;
  }
  throw new Error('no free port was found on 127.0.0.1');
}
