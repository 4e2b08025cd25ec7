/** Loaded before a server whose memory is measured: SIGUSR2 has it collect its garbage. Needs `--expose-gc`. */
process.on('SIGUSR2', () => globalThis.gc?.());
