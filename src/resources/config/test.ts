import { dev } from './dev';

/** Defaults of the `test` profile: as `dev`, with a database in memory and origins as strict as in `prod`. */
export const test = {
  IM_PORT: dev.IM_PORT,
  IM_HOST: dev.IM_HOST,
  IM_DATABASE_URL: 'sqlite::memory:',
  IM_APP_KEY: dev.IM_APP_KEY,
  IM_TOKEN_SECRET: dev.IM_TOKEN_SECRET,
  IM_FILES: dev.IM_FILES,
};
