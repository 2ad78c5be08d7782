import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClaimCheckSigner, createPublisher, parseSigningKey } from 'waybill/producers';
import { append, paths, PRODUCER, readConfig, readLog, TYPE } from './config.ts';
import { bytesOf, makePlan, type PlannedEvent, type PlannedFile } from './plan.ts';

/** Events under way at once. */
const LANES = 4;
/** How many of those that came to their end a new process publishes again: it must do nothing then. */
const AGAIN = 3;

const config = readConfig();
const at = paths(config.dir);
process.on('disconnect', () => process.exit()); // a driver that died leaves nobody behind

const publisher = createPublisher({
  ...config,
  producer: PRODUCER,
  signer: createClaimCheckSigner(parseSigningKey(config.signingKey)),
  upload: { resume: true, retry: { backoffCapMs: 1_000 } },
  retry: { backoffCapMs: 1_000 },
});
const finished = readLog<{ index: number }>(at.published).map(({ index }) => index);
const skip = new Set(finished.slice(0, Math.max(0, finished.length - AGAIN)));
const left = makePlan(config.seed, config.count, config.startMs).filter(({ index }) => !skip.has(index));

await mkdir(at.source, { recursive: true });
await Promise.all(Array.from({ length: LANES }, publishNext));
await publisher.close();
process.send?.('finished');
process.disconnect();

async function publishNext(): Promise<void> {
  for (let event = left.shift(); event !== undefined; event = left.shift()) {
    await sleep(Math.max(0, config.startMs + event.index * config.intervalMs - Date.now()));
    const files = await Promise.all(event.files.map(async (file) => await write(event, file)));
    await publishUntilDone(event, files);
    append(at.published, { index: event.index });
    for (const { path } of files) await rm(path, { force: true });
  }
}

/** As a caller does who has to get it out: the same id, until it is. */
async function publishUntilDone(
  event: PlannedEvent,
  attachments: { path: string; name: string }[],
): Promise<void> {
  const { id, index } = event;
  for (;;) {
    try {
      await publisher.publish({ id, type: TYPE, data: { index, isPoisoned: false }, attachments });
      return;
    } catch (error) {
      const { code = 'unexpected', message } = error as Error & { code?: string };
      append(at.told, { kind: 'publish-failed', code, reason: message, eventId: id });
      await sleep(500);
    }
  }
}

async function write(event: PlannedEvent, file: PlannedFile): Promise<{ path: string; name: string }> {
  const path = join(at.source, `${event.id}-${file.name}`);
  await using out = await open(path, 'w');
  for (const chunk of bytesOf(file)) await out.write(chunk);
  return { path, name: file.name };
}
