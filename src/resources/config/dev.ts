/** Defaults of the `dev` profile: everything works at once on a laptop, with nothing but Node. */
export const dev = {
  IM_PORT: '3000',
  IM_HOST: '127.0.0.1',
  IM_DATABASE_URL: 'sqlite:data/im.db',
  IM_APP_KEY: 'dev-app-key',
  IM_TOKEN_SECRET: 'dev-token-secret-never-use-it-in-production',
  IM_CORS_ORIGINS: '*',
  IM_FILES: 'file:data/files',
};
