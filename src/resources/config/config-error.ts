/** A setting that the server cannot start with. `message` is the one line that the operator sees. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Where the log would have gone, if that much is known. */
  logDirectory: string | undefined;
}
