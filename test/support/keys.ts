/** The secrets of the servers under test. */
export const APP_KEY = 'test-app-key';
export const TOKEN_SECRET = 'a-token-secret-for-tests-of-32-bytes-or-more';
