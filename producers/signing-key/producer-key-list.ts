import { PRODUCER_KEYS_KEY } from '../../shared/claim-check-keys.ts';
import { parseProducerKeys, serialiseProducerKeys, type ProducerKey } from '../../shared/claim-check.ts';
import type { Records } from '../../shared/records/index.ts';

/** Changes that others may make meanwhile before an update gives up. */
const MAX_RACES = 20;

/** The list of the producers' public keys in the control bucket. */
export interface ProducerKeyList {
  read(): Promise<readonly ProducerKey[]>;
  /**
   * Changes the list. Two at once do not undo each other.
   * @param change may be called more than once
   */
  update(change: (keys: readonly ProducerKey[]) => readonly ProducerKey[]): Promise<void>;
}

export function createProducerKeyList(records: Records, key: string = PRODUCER_KEYS_KEY): ProducerKeyList {
  return {
    async read() {
      const found = await records.get(key);
      return found === undefined ? [] : parseProducerKeys(found.body);
    },
    async update(change) {
      for (let race = 0; race < MAX_RACES; race++) {
        const found = await records.get(key);
        const before = found === undefined ? [] : parseProducerKeys(found.body);
        const body = serialiseProducerKeys(change(before));
        const done =
          found === undefined
            ? await records.create(key, body)
            : await records.replace(key, body, found.etag);
        if (done.outcome === 'created' || done.outcome === 'replaced') return;
      }
      throw new Error(`record ${key}: changed ${MAX_RACES} times while it was being changed`);
    },
  };
}
