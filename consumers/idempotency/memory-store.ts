import { createLeaseStore, type LeaseStoreOptions } from './lease-store.ts';
import type { Register, Stored } from './register.ts';
import type { IdempotencyStore } from './types.ts';

/**
 * Idempotency records in this process's memory: for tests, and for consumers whose handlers do no harm when an event
 * is handled again after a restart. It grows with every event.
 */
export function memoryIdempotencyStore(options: LeaseStoreOptions = {}): IdempotencyStore {
  return createLeaseStore(memoryRegister(), options);
}

/** A Map whose entries are compared and set. */
export function memoryRegister(): Register {
  const entries = new Map<string, Stored>();
  let writes = 0;
  const put = (key: string, body: string): string => {
    writes += 1;
    const etag = String(writes);
    entries.set(key, { body, etag });
    return etag;
  };
  return {
    async create(key, body) {
      const record = entries.get(key);
      return record === undefined
        ? { outcome: 'created', etag: put(key, body) }
        : { outcome: 'exists', record };
    },
    async replace(key, body, etag) {
      const record = entries.get(key);
      if (record === undefined) return { outcome: 'missing' };
      if (record.etag !== etag) return { outcome: 'changed', record };
      return { outcome: 'replaced', etag: put(key, body) };
    },
  };
}
