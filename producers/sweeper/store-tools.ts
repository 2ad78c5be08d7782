import type { S3Client } from '@aws-sdk/client-s3';
import { createGetPresigner, type GetPresigner } from '../../shared/presign.ts';
import { s3ClientFor } from '../../shared/s3-client.ts';
import type { Store } from '../../shared/stores.ts';
import type { ResolvedSweepOptions } from './options.ts';

/** What it takes to look at a store, and to sign URLs for it. */
export interface StoreTools {
  readonly store: Store;
  readonly client: S3Client;
  readonly presigner: GetPresigner;
}

/** Makes the tools of each store once. */
export function createStoreTools({
  stores,
  credentials,
  clock,
  producer,
}: Pick<ResolvedSweepOptions, 'stores' | 'credentials' | 'clock' | 'producer'>): {
  /** @throws {UnknownStoreError} */
  of(name: string): StoreTools;
  close(): void;
} {
  const made = new Map<string, StoreTools>();
  return {
    of: (name) => {
      const known = made.get(name);
      if (known !== undefined) return known;
      const store = stores.get(name);
      const client = s3ClientFor(store, credentials === undefined ? {} : { credentials });
      const tools = {
        store,
        client,
        presigner: createGetPresigner({ store, client, clock, caller: producer }),
      };
      made.set(name, tools);
      return tools;
    },
    close: () => {
      for (const { client } of made.values()) client.destroy();
    },
  };
}
