import { type Bus } from './bus';

/** The bus of a server that is one process: there is nobody to tell. */
export function memoryBus(): Bus {
  return {
    description: 'memory (one process)',
    shared: false,
    healthy: true,
    publish: () => undefined,
    heard: () => Promise.resolve(),
    listen: () => undefined,
    start: () => Promise.resolve(),
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
