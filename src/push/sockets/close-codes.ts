/** Why the server closes a socket (RFC 6455, section 7.4; 4000 and up are ours, HTTP's meaning plus 4000). */
export const CLOSE = {
  /** 20 frames in a row that are no requests */
  policyViolation: 1008,
  tooLarge: 1009,
  /** the server stops; come back */
  serviceRestart: 1012,
  /** the peer does not read; come back and sync */
  tryAgainLater: 1013,
  badRequest: 4400,
  unauthenticated: 4401,
  notFound: 4404,
  loginTimeout: 4408,
} as const;
