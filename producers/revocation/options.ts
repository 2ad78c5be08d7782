import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock, type Clock } from '../../shared/clock.ts';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import { nonEmptyString, show } from '../../shared/options.ts';
import { createRecords, type Records } from '../../shared/records/index.ts';
import { s3ClientFor, type S3ClientOptions } from '../../shared/s3-client.ts';
import {
  toStores,
  type Store,
  type StoreOptions,
  type Stores,
  type StoresOptions,
} from '../../shared/stores.ts';

/** What to revoke or erase: all payloads of an event, or all versions of one key, or one version of it. */
export type RevocationTarget =
  | { readonly eventId: string }
  | {
      readonly key: string;
      /** @default - every version */
      readonly versionId?: string | undefined;
      /** Logical name of its store. @default - the only one */
      readonly store?: string | undefined;
    };

/** What revoking and erasing need. */
export interface RevocationOptions {
  readonly target: RevocationTarget;
  readonly stores: StoresOptions | Stores;
  /** The control bucket: its ledger names an event's payloads, and the audit record goes there. */
  readonly control: StoreOptions;
  /** Who asks for it: stands in the audit record. */
  readonly by: string;
  /** Why: stands in the audit record. @default - not said */
  readonly reason?: string | undefined;
  /** For S3. @default - the SDK's provider chain */
  readonly credentials?: NonNullable<S3ClientOptions['credentials']>;
  /** @default - the machine's */
  readonly clock?: Clock;
  /** @default - silent */
  readonly logger?: Logger;
  readonly signal?: AbortSignal | undefined;
}

/** Options, checked, and what they are done with. */
export interface RevocationTools extends Disposable {
  readonly target: RevocationTarget;
  readonly stores: Stores;
  readonly records: Records;
  readonly by: string;
  readonly reason: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
  /** @throws {UnknownStoreError} */
  readonly storeOf: (name: string) => { readonly store: Store; readonly client: S3Client };
}

/** S3's own answer to a throttle is to come back later: tagging and deleting a version may be repeated. */
const MAX_ATTEMPTS = 8;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for what can be an event's id. */
export function isEventId(text: string): boolean {
  return UUID_V7.test(text);
}

/**
 * Checks the options and makes the clients.
 * @throws {TypeError} naming the field, the value and what was expected
 */
export function openRevocation(options: RevocationOptions): RevocationTools {
  const { clock = systemClock, credentials, reason } = options;
  const stores = toStores(options.stores);
  const target = checkTarget(options.target, stores);
  const by = nonEmptyString('by', options.by);
  if (reason !== undefined) nonEmptyString('reason', reason);
  const logger = redactingLogger(options.logger ?? silentLogger);
  const records = createRecords({ control: options.control, credentials, clock, logger });
  const made = new Map<string, { readonly store: Store; readonly client: S3Client }>();
  return {
    target,
    stores,
    records,
    by,
    reason,
    clock,
    logger,
    signal: options.signal,
    storeOf: (name) => {
      const known = made.get(name);
      if (known !== undefined) return known;
      const store = stores.get(name);
      const more = credentials === undefined ? {} : { credentials };
      const tools = { store, client: s3ClientFor(store, { maxAttempts: MAX_ATTEMPTS, ...more }) };
      made.set(name, tools);
      return tools;
    },
    [Symbol.dispose]: () => {
      for (const { client } of made.values()) client.destroy();
      records.close();
    },
  };
}

function checkTarget(target: RevocationTarget, stores: Stores): RevocationTarget {
  if ('eventId' in target) {
    if (typeof target.eventId === 'string' && isEventId(target.eventId)) return target;
    throw new TypeError(`target.eventId: got ${show(target.eventId)}, expected a UUIDv7 in lower case`);
  }
  const key = nonEmptyString('target.key', target.key);
  const { versionId, store } = target;
  if (versionId !== undefined) nonEmptyString('target.versionId', versionId);
  if (store !== undefined) return { key, versionId, store: stores.get(store).name };
  const [only, ...more] = stores.names;
  if (only !== undefined && more.length === 0) return { key, versionId, store: only };
  throw new TypeError(`target.store: got nothing, expected one of ${stores.names.join(', ') || 'no stores'}`);
}
