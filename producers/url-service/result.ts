import type { Access } from '../../shared/events/index.ts';

/** A fresh URL, and what it leads to. */
export interface RedeemSuccess {
  readonly status: 200;
  readonly access: Access;
  readonly versionId: string;
  /** In bytes. */
  readonly size: number;
  /** RFC 9530 text. */
  readonly digest: string;
  /** The service's clock, ISO. */
  readonly serverTime: string;
}

/** Why there is no URL. */
export interface RedeemRefusal {
  readonly status: 403 | 404 | 410 | 429 | 503;
  readonly error: 'forbidden' | 'not-found' | 'gone' | 'revoked' | 'rate-limited' | 'unavailable';
  readonly message: string;
  readonly serverTime: string;
}

/** The answer to one claim check. */
export type RedeemResult = RedeemSuccess | RedeemRefusal;

/** A refusal but for the time. */
export type Refusal = Omit<RedeemRefusal, 'serverTime'>;

/**
 * All refusals there are. `forbidden` is one for every reason, so that a caller learns nothing of keys, issuers or
 * payloads that are not its own.
 */
export const refusals = {
  forbidden: { status: 403, error: 'forbidden', message: 'This claim check gives you nothing here.' },
  notFound: { status: 404, error: 'not-found', message: 'The payload does not exist.' },
  gone: { status: 410, error: 'gone', message: "The payload's retention is over." },
  revoked: { status: 410, error: 'revoked', message: 'The payload was revoked.' },
  rateLimited: { status: 429, error: 'rate-limited', message: 'Too many claim checks; try again later.' },
  unavailable: {
    status: 503,
    error: 'unavailable',
    message: 'The store cannot be asked now; try again later.',
  },
} as const satisfies Record<string, Refusal>;
