import { randomUUID, timingSafeEqual, createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jwtVerify, SignJWT } from 'jose';
import { type Database } from '../../db/database';
import { unauthenticated } from '../../errors';
import { revokeAllTokens, revokeToken, tokenHolds } from '../../model/tokens';
import { type UserType } from '../../model/users';
import { type Bus } from '../../push/bus/bus';
import { boundedCache } from '../bounded-cache';

/** Whoever makes a request: the platform's backend, or a user with a token. */
export type Principal = { kind: 'backend' } | UserPrincipal;

export interface UserPrincipal {
  kind: 'user';
  id: string;
  type: UserType;
  tokenId: string;
  tokenGeneration: number;
  /** ms since the epoch */
  expiresAt: number;
}

const LIFETIME_MS = 7 * 24 * 60 * 60_000;
/** How long a verified token is trusted without a look at the database: with a bus that tells of revocations, and without. */
const TRUST_MS = { told: 60_000, untold: 2_000 };

/** How long a logout waits for the other processes: one that was killed just now does not answer. */
const HEARD_LIMIT_MS = 2_000;

/** Which of a user's tokens are revoked: one, or all of the generations before this one. */
export interface Revoked {
  tokenId?: string | undefined;
  before?: number | undefined;
}

/** Whether a token is among the revoked ones of its user. */
export function isRevoked(
  token: { tokenId: string; tokenGeneration: number },
  { before, tokenId }: Revoked,
): boolean {
  return token.tokenId === tokenId || (before !== undefined && token.tokenGeneration < before);
}

interface Verified {
  principal: UserPrincipal;
  /** ms of the monotonic clock */
  checkedAt: number;
}

/** Signs, verifies and revokes users' tokens: JWTs (RFC 7519), HS256. */
export class Tokens {
  readonly #secret: Uint8Array;
  readonly #appKeys: Buffer[];
  readonly #verified = boundedCache<Verified>(50_000);
  /** What was looked up before this time is not trusted. */
  #distrustedBefore = -Infinity;
  /** Counts revocations: what is being looked up while one comes is not remembered. */
  #revocations = 0;

  constructor(
    private readonly options: {
      database: Database;
      bus: Bus;
      secret: string;
      appKeys: readonly string[];
    },
  ) {
    this.#secret = new TextEncoder().encode(options.secret);
    this.#appKeys = options.appKeys.map(digest);
  }

  /** Whether `key` is one of the backend's keys; takes as long whatever it is. */
  isAppKey(key: string): boolean {
    const given = digest(key);
    return this.#appKeys.map((known) => timingSafeEqual(known, given)).includes(true);
  }

  /** A new token; `generation` is the one in the user's state row. @param tokenId another one for each token */
  async sign(user: { id: string; type: UserType }, generation: number, tokenId: string = randomUUID()) {
    const now = Date.now();
    const expiresAt = Math.floor((now + LIFETIME_MS) / 1000) * 1000;
    const token = await new SignJWT({ user_type: user.type, generation })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user.id)
      .setJti(tokenId)
      .setIssuedAt(Math.floor(now / 1000))
      .setExpirationTime(expiresAt / 1000)
      .sign(this.#secret);
    return { token, expiresAt };
  }

  /**
   * Who a token stands for. What was verified is remembered, as long as it is valid and not revoked.
   * @throws AppError `unauthenticated`
   */
  async verify(token: string): Promise<UserPrincipal> {
    return this.verified(token) ?? (await this.#verify(token));
  }

  /** The same at once, when the token is remembered. */
  verified(token: string): UserPrincipal | undefined {
    const known = this.#verified.get(token);
    if (known === undefined) return undefined;
    if (known.principal.expiresAt <= Date.now()) return undefined;
    if (performance.now() - known.checkedAt > this.#trustMs()) return undefined;
    if (known.checkedAt < this.#distrustedBefore) return undefined;
    return known.principal;
  }

  #trustMs(): number {
    const { bus } = this.options;
    return bus.shared && bus.healthy ? TRUST_MS.told : TRUST_MS.untold;
  }

  async #verify(token: string): Promise<UserPrincipal> {
    const principal = this.#verified.get(token)?.principal ?? (await this.#decode(token));
    const checkedAt = performance.now();
    const revocations = this.#revocations;
    if (
      principal.expiresAt <= Date.now() ||
      !(await tokenHolds(
        this.options.database.kysely,
        principal.tokenId,
        principal.id,
        principal.tokenGeneration,
      ))
    ) {
      this.#verified.delete(token);
      throw unauthenticated('The token has expired or was revoked.');
    }
    if (revocations === this.#revocations) this.#verified.set(token, { principal, checkedAt });
    return principal;
  }

  async #decode(token: string): Promise<UserPrincipal> {
    try {
      const { payload } = await jwtVerify(token, this.#secret, {
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'jti', 'exp'],
      });
      const { exp, generation, jti, sub, user_type: type } = payload;
      if (
        typeof generation === 'number' &&
        typeof sub === 'string' &&
        typeof jti === 'string' &&
        typeof exp === 'number' &&
        (type === 'doctor' || type === 'patient')
      ) {
        return {
          kind: 'user',
          id: sub,
          type,
          tokenId: jti,
          tokenGeneration: generation,
          expiresAt: exp * 1000,
        };
      }
    } catch {
      // Whatever is wrong with it, the client learns only that it is not valid.
    }
    throw unauthenticated('The token is not valid.');
  }

  /** Revokes the token that `principal` came with, in every process. @returns which sockets are to be closed */
  async revoke({ expiresAt, id, tokenId }: UserPrincipal): Promise<Revoked> {
    await revokeToken(this.options.database, tokenId, expiresAt);
    return this.#revoked(id, { tokenId });
  }

  /** Revokes all tokens that the user has, in every process. @returns which sockets are to be closed */
  async revokeAll(userId: string): Promise<Revoked> {
    const generation = await revokeAllTokens(this.options.database.kysely, userId);
    return generation === undefined ? {} : this.#revoked(userId, { before: generation });
  }

  #revoked(userId: string, revoked: Revoked): Revoked {
    this.forget(userId, revoked);
    this.options.bus.publish({ kind: 'revoked', userId, ...revoked });
    return revoked;
  }

  /**
   * Resolves when the revocations so far hold in every process: they have heard of them, or, while the bus is away, trust nothing
   * that they looked up before. One that does not answer is not waited for longer than two seconds.
   */
  async heardEverywhere(): Promise<void> {
    const { bus } = this.options;
    if (bus.shared && !bus.healthy) await sleep(TRUST_MS.untold);
    else await bus.heard(HEARD_LIMIT_MS);
  }

  /** Looks every token up again: revocations may have been missed. */
  distrust(): void {
    this.#distrustedBefore = performance.now() + 1;
    this.#revocations += 1;
  }

  /** Trusts what is remembered of these tokens no longer. */
  forget(userId: string, revoked: Revoked): void {
    this.#revocations += 1;
    for (const [token, { principal }] of this.#verified.entries()) {
      if (principal.id === userId && isRevoked(principal, revoked)) this.#verified.delete(token);
    }
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
