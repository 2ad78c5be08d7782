import { createIntents } from '../outbox/intents.ts';
import { resolveSweepOptions, type SweepOptions } from './options.ts';
import type { SweepReport } from './report.ts';
import { createStoreTools } from './store-tools.ts';
import { sweepIntents, sweepUploads } from './sweep-intents.ts';
import { sweepOutbox } from './sweep-outbox.ts';

/**
 * Does what publishers that died could not: publishes what waits in their outbox, under the same ids and with fresh
 * URLs, and reports what they uploaded and never got that far with. Two sweeps at once do no harm.
 *
 * Run it every few minutes, for each producer. Deletes nothing, unless told to.
 *
 * Takes, beside a producer's rights on its records: `s3:ListBucketVersions` and `s3:ListBucketMultipartUploads` on the
 * payload bucket; to delete, `s3:DeleteObjectVersion` and `s3:AbortMultipartUpload`.
 *
 * @throws {TypeError|RangeError} naming the option that is wrong
 * @throws {RecordsError} when the control bucket cannot be read or written
 * @throws the signal's reason once it has aborted
 */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const resolved = resolveSweepOptions(options);
  const { producer, records, bridge, clock, stores } = resolved;
  const tools = createStoreTools(resolved);
  try {
    const intents = createIntents(records, producer, clock);
    const toolsOf = (name: string) => tools.of(name);
    const outbox = await sweepOutbox(intents, toolsOf, resolved);
    const waiting = new Set(outbox.failed.map(({ eventId }) => eventId));
    const unfinished = await sweepIntents(intents, waiting, toolsOf, resolved);
    const strayUploads = [];
    for (const name of stores.names)
      strayUploads.push(...(await sweepUploads(intents, tools.of(name), resolved)));
    return { producer, ...outbox, unfinished, strayUploads };
  } finally {
    tools.close();
    bridge.destroy();
    records.close();
  }
}
