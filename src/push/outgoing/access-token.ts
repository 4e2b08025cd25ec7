/** An access token; times in milliseconds since the epoch. */
export interface AccessToken {
  token: string;
  /** From here on a new one is asked for; the old one still works. */
  renewAt: number;
  expiresAt: number;
}

/**
 * Where the token is kept. A shared one makes several processes use one token. Each method must settle within a second or so; one
 * that rejects is treated as an empty cache, and the process goes on with its own.
 */
export interface TokenCache {
  get(): Promise<AccessToken | undefined>;
  /** May forget the token at its `expiresAt`. */
  set(token: AccessToken): Promise<void>;
  /** Forgets the token if it is this one: another process may have put a newer one there. */
  drop(token: string): Promise<void>;
  /**
   * Runs `work` while no other process runs its own, and gives back its result; inside, the cache is read again. `work` takes
   * two HTTP calls' time limits at most and never rejects. Undefined: others were at work all that time, and it was not run.
   */
  exclusively?<T>(work: () => Promise<T>): Promise<T | undefined>;
}

export function memoryTokenCache(): TokenCache {
  let kept: AccessToken | undefined;
  return {
    get: () => Promise.resolve(kept),
    set: (token) => {
      kept = token;
      return Promise.resolve();
    },
    drop: (token) => {
      if (kept?.token === token) kept = undefined;
      return Promise.resolve();
    },
  };
}

/** A token that works, or why there is none: the host's code, where it gave one. */
export type TokenResult = { ok: true; token: string } | { ok: false; code?: number; reason: string };

/** What the host answered to a request for a token. */
export type AskedToken =
  { ok: true; token: string; lifetimeMs: number } | { ok: false; code?: number; reason: string };

export interface TokenHost {
  /** Asks for a token. Never rejects. */
  ask(): Promise<AskedToken>;
  /**
   * For a host that gives the same token again although it refuses it: asks for another one. Undefined: that may not be asked
   * for now. A host without this is believed when it gives the same token again.
   */
  askAnother?(): Promise<AskedToken | undefined>;
}

export interface TokenSource {
  /** Never rejects. However many ask at once, the host is asked once. */
  token(): Promise<TokenResult>;
  /** Says that the host has refused this token: it is not given out again. */
  refused(token: string): Promise<void>;
}

const RENEW_EARLY_MS = 5 * 60 * 1000;
/** How long the host is not asked again after it gave a token that it had refused. */
const REFUSED_AGAIN_MS = 30_000;
const REFUSED_REMEMBERED = 8;

/** Gets and keeps the access token of a host: one for all processes where `shared` is. */
export function createTokenSource(host: TokenHost, shared: TokenCache = memoryTokenCache()): TokenSource {
  // Serves while the shared cache is away, so that not every message asks for a token.
  const own = memoryTokenCache();
  let refusedTokens: string[] = [];
  let asking: Promise<TokenResult> | undefined;
  let notBefore = -Infinity;

  async function cached(): Promise<AccessToken | undefined> {
    let kept: AccessToken | undefined;
    try {
      kept = await shared.get();
      if (kept !== undefined) await own.set(kept);
    } catch {
      kept = await own.get();
    }
    return kept !== undefined && refusedTokens.includes(kept.token) ? undefined : kept;
  }

  async function ask(): Promise<TokenResult> {
    const askedAt = Date.now();
    let answer = await host.ask();
    if (answer.ok && host.askAnother !== undefined && refusedTokens.includes(answer.token)) {
      const another = await host.askAnother();
      if (another === undefined) {
        notBefore = performance.now() + REFUSED_AGAIN_MS;
        return { ok: false, reason: 'the token that was refused came again' };
      }
      answer = another;
    }
    if (!answer.ok) return answer;
    const { lifetimeMs, token } = answer;
    refusedTokens = refusedTokens.filter((each) => each !== token);
    // A lifetime under ten minutes is halved: five minutes early could be before its beginning.
    const early = Math.min(RENEW_EARLY_MS, lifetimeMs / 2);
    const expiresAt = askedAt + lifetimeMs;
    const fresh = { token, renewAt: expiresAt - early, expiresAt };
    await own.set(fresh);
    await shared.set(fresh).catch(() => undefined);
    return { ok: true, token };
  }

  async function renew(): Promise<TokenResult> {
    const work = async (): Promise<TokenResult> => {
      const now = await cached();
      return now !== undefined && Date.now() < now.renewAt ? { ok: true, token: now.token } : await ask();
    };
    if (shared.exclusively === undefined) return await work();
    const result = await shared.exclusively(work).catch(() => work());
    return result ?? { ok: false, reason: 'other processes are asking for a token' };
  }

  return {
    token: async () => {
      const now = await cached();
      if (now !== undefined && Date.now() < now.renewAt) return { ok: true, token: now.token };
      if (performance.now() < notBefore)
        return { ok: false, reason: 'the token that was refused came again a moment ago' };
      asking ??= renew().finally(() => {
        asking = undefined;
      });
      const result = await asking;
      if (result.ok || now === undefined || Date.now() >= now.expiresAt) return result;
      return { ok: true, token: now.token };
    },
    refused: async (token) => {
      if (!refusedTokens.includes(token))
        refusedTokens = [...refusedTokens, token].slice(-REFUSED_REMEMBERED);
      await own.drop(token);
      await shared.drop(token).catch(() => undefined);
    },
  };
}
