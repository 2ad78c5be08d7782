import { join } from 'node:path';
import {
  directoryIdempotencyStore,
  s3IdempotencyStore,
  type IdempotencyOptions,
} from '../consumers/index.ts';
import type { Logger } from '../shared/logger.ts';
import { controlOf, type Environment } from './environment.ts';
import { checked, UsageError } from './errors.ts';

/** Beside the events, under a name that no event id is. */
const DIRECTORY = '.waybill-handled';

/** Where `consume` remembers what it has saved, and how to let go of it. */
export interface ConsumeIdempotency {
  readonly idempotency?: IdempotencyOptions;
  close(): void;
}

/**
 * In the control bucket where one is configured and this consumer has a name, for workers anywhere; else in a directory
 * beside what is saved.
 * @throws {UsageError}
 */
export function idempotencyOf(
  env: Environment,
  flags: {
    readonly out: string;
    readonly consumer?: string;
    readonly control?: string;
    readonly idempotency: boolean;
  },
  logger: Logger,
): ConsumeIdempotency {
  const { out, consumer, control, idempotency } = flags;
  if (!idempotency) return { close() {} };
  if (control !== undefined && consumer === undefined) {
    throw new UsageError('--control: records in a control bucket stand under a name; give --consumer too');
  }
  if (consumer !== undefined && (control ?? env.WAYBILL_CONTROL) !== undefined) {
    const store = checked(() => s3IdempotencyStore({ control: controlOf(env, control), logger }));
    return { idempotency: { store, consumer }, close: () => store.close() };
  }
  const store = directoryIdempotencyStore({ directory: join(out, DIRECTORY) });
  return { idempotency: { store, consumer: consumer ?? 'consume' }, close() {} };
}
