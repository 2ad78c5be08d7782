import { z } from 'zod';

/** Where idempotency records stand in a control bucket. */
export const IDEMPOTENCY_PREFIX = 'idempotency/';

/** Bounds of a lease, in milliseconds: shorter than a second is renewed in vain, and SQS holds no message longer than 12 h. */
export const LEASE_BOUNDS_MS = { min: 1_000, max: 43_200_000 } as const;

/** What one idempotency record is about: an event, as one consumer sees it. */
export interface IdempotencyKey {
  /** The consumer's name. */
  readonly consumer: string;
  /** The event's source. */
  readonly source: string;
  /** The event's id; with a replay that asks for another run, `<id>#<replayid>`. */
  readonly id: string;
}

/**
 * The key as one text, `<consumer>/<source>/<id>`, each part percent-encoded: what a handler gets to commit its effects
 * with, and below `idempotency/` the key of the record in a control bucket. Different keys have different texts.
 */
export function idempotencyText(key: IdempotencyKey): string {
  return [key.consumer, key.source, key.id].map(segment).join('/');
}

/** Clients that resolve dot segments would ask for another object. */
function segment(text: string): string {
  const encoded = encodeURIComponent(text);
  return /^\.+$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded;
}

const instant = z.iso.datetime({ offset: true });

/**
 * A record as it is stored: JSON, readable by people, by `replay --unhandled-only` and by other languages. Its times
 * are for people; nothing is decided by them. Unknown fields are kept out of the way, not refused.
 */
export const idempotencyRecordSchema = z.looseObject({
  waybillrecord: z.literal(1),
  consumer: z.string(),
  source: z.string(),
  id: z.string(),
  /** `leased`: somebody works on it, or died over it. `released`: given back, free for anyone. `done`: handled. */
  state: z.enum(['leased', 'released', 'done']),
  /** Drawn at random on each acquisition: whose lease this is, or was. */
  owner: z.string().min(1).max(64),
  /** How often the event was acquired, this time included. */
  attempts: z.int().min(1),
  leaseMs: z.int().min(LEASE_BOUNDS_MS.min).max(LEASE_BOUNDS_MS.max),
  /** Rises on every renewal, so that the bytes change, and with them the etag. */
  renewals: z.int().min(0),
  acquiredAt: instant,
  finishedAt: instant.optional(),
  /** Why it was given back, redacted. */
  reason: z.string().optional(),
  outcome: z.enum(['handled']).optional(),
  /** Digests that were verified, by attachment id. */
  verified: z.record(z.string(), z.string()).optional(),
});

/** The durable note that an event is being or was handled. */
export type IdempotencyRecord = z.output<typeof idempotencyRecordSchema>;
