import { createHash, randomBytes, randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListMultipartUploadsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createWorker, memoryIdempotencyStore } from '../../consumers/index.ts';
import { startLocal } from '../../local/index.ts';
import { mintEventId, sweep } from '../../producers/index.ts';
import { generateProducerKey } from '../../shared/claim-check.ts';
import { systemClock } from '../../shared/clock.ts';
import { tempDir } from '../helpers/cli.ts';
import { seeded } from '../helpers/local-kill/random.ts';
import { startPublisher, type Published } from '../helpers/publish-kill/start-publisher.ts';

/** The full run: `WAYBILL_KILLS=100 npm run test:e2e -- test/e2e/publish-kill.test.ts`. */
const KILLS = Number(process.env['WAYBILL_KILLS'] ?? 15);
const FILES = 200;
const MULTIPART = 5;
const MIB = 1024 ** 2;
/** Requests of one publish, at least: several share a segment. */
const REQUESTS_EACH = 6;
const PREFIX = 'payloads/billing/';

it(
  `kill -9 of the producer at ${KILLS} random points of publishing ${FILES} files: each arrives, takes effect once, and nothing is forgotten`,
  async () => {
    const seed = Number(process.env['WAYBILL_SEED'] ?? randomInt(2 ** 32));
    const random = seeded(seed);
    process.stderr.write(`WAYBILL_SEED=${seed}\n`);
    await using dir = await tempDir();
    await using stack = await startLocal({
      dir: join(dir.path, 'stack'),
      buckets: ['payloads', { name: 'control', versioning: false }],
      buses: ['exchange'],
      queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq' }],
      rules: [{ bus: 'exchange', name: 'all', pattern: { source: ['billing'] }, queue: 'orders' }],
    });
    const { region, endpoint, credentials } = stack;
    const stores = { main: { bucket: 'payloads', region, endpoint } };
    const control = { bucket: 'control', region, endpoint };
    const s3 = new S3Client(stack.clientOptions());
    const { signingKey } = generateProducerKey({ issuer: 'billing' });
    const options = {
      producer: 'billing',
      bus: 'exchange',
      stores,
      control,
      endpoint,
      credentials,
      upload: { partSizeBytes: 5 * MIB, multipartThresholdBytes: 5 * MIB },
    };

    const files = new Map<string, { readonly path: string; readonly sha256: string }>();
    for (let index = 0; index < FILES; index += 1) {
      // The large ones are spread over the whole run.
      const isLarge = index % (FILES / MULTIPART) === 3;
      const bytes = randomBytes(isLarge ? 11 * MIB + index : Math.floor(random() * 20_000));
      const path = join(dir.path, `${index}.bin`);
      await writeFile(path, bytes);
      files.set(mintEventId(systemClock), { path, sha256: sha256(bytes) });
    }

    const effects: string[] = [];
    await using worker = createWorker({
      queueUrl: stack.queueUrl('orders'),
      deadLetterQueueUrl: stack.queueUrl('orders-dlq'),
      stores,
      events: { '*': z.looseObject({}) },
      sqs: stack.clientOptions(),
      consumer: 'archive',
      idempotency: { store: memoryIdempotencyStore() },
      handler: async ({ id, data }) => {
        const bytes = await data.attachments[0]!.bytes({ maxBytes: 12 * MIB });
        expect(sha256(bytes), id).toBe(files.get(id)?.sha256);
        effects.push(id);
      },
    });

    const through = new Map<string, Published>();
    const publishLeft = (lanes: number) =>
      startPublisher({
        options,
        signingKey,
        lanes,
        files: [...files].filter(([id]) => !through.has(id)).map(([id, { path }]) => ({ id, path })),
      });
    /** Payloads and open uploads, by version and upload id, with the event that they are for. */
    const stored = async (): Promise<Map<string, string>> => {
      const found = new Map<string, string>();
      const of = { Bucket: 'payloads', Prefix: PREFIX };
      const { Versions = [], IsTruncated } = await s3.send(new ListObjectVersionsCommand(of));
      const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand(of));
      expect(IsTruncated).toBe(false);
      for (const { Key = '', VersionId = '' } of Versions) found.set(VersionId, Key.split('/')[3]!);
      for (const { Key = '', UploadId = '' } of Uploads) found.set(UploadId, Key.split('/')[3]!);
      return found;
    };
    const sentIds = (): string[] =>
      stack.spy
        .records('event')
        .flatMap(({ bus, detail }) => (bus === 'exchange' ? [(detail() as { id: string }).id] : []));
    const sweepAll = async () =>
      await sweep({
        producer: 'billing',
        stores,
        control,
        endpoint,
        credentials,
        outboxAgeMs: 0,
        unfinishedAgeMs: 0,
      });

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const perKill = (FILES - through.size) / (KILLS - kill + 2);
      const until = 1 + Math.floor(random() * 2 * perKill * REQUESTS_EACH);
      const publisher = publishLeft(1 + Math.floor(random() * 4));
      await publisher.ready;
      const from = stack.spy.records().at(-1)?.sequence ?? 0;
      let seen = 0;
      const reached = stack.spy.waitFor(
        ({ kind, sequence }) => (kind === 's3' || kind === 'event') && sequence > from && ++seen >= until,
        { timeoutMs: 60_000 },
      );
      await Promise.race([reached, publisher.ended]);
      await sleep(random() * 5); // anywhere between two requests
      publisher.kill();
      expect(await publisher.ended).toBe('SIGKILL');
      for (const each of publisher.published) through.set(each.id, each);
    }

    // Whatever the last of the dead left is sent, or reported.
    const first = await sweepAll();
    expect(first.failed).toEqual([]);
    const out = new Set(sentIds());
    const reported = new Set([
      ...first.unfinished.flatMap(({ payloads, uploads }) => [
        ...payloads.map(({ versionId }) => versionId),
        ...uploads.map(({ uploadId }) => uploadId),
      ]),
      ...first.strayUploads.map(({ uploadId }) => uploadId),
    ]);
    for (const [id, eventId] of await stored()) expect(out.has(eventId) || reported.has(id), id).toBe(true);

    const last = publishLeft(4);
    expect(await last.ended).toBe(0);
    for (const each of last.published) through.set(each.id, each);
    expect(through.size).toBe(FILES);
    const second = await sweepAll();
    expect(second).toMatchObject({ failed: [], unfinished: [] });

    const ids = [...files.keys()].sort();
    const sent = sentIds();
    expect([...new Set(sent)].sort()).toEqual(ids);
    const messages = stack.spy.records('message').filter(({ queue }) => queue === 'orders');
    expect(messages).toHaveLength(sent.length);
    let handled = 0;
    await stack.spy.waitFor(
      (record) => record.kind === 'delete' && record.queue === 'orders' && ++handled === sent.length,
      { timeoutMs: 60_000 },
    );
    expect(effects.sort()).toEqual(ids);
    expect(worker.stats.rejected).toBe(0);

    // No event before its bytes, one version of each payload, and no upload that nobody knows of.
    const stray = new Set(second.strayUploads.map(({ uploadId }) => uploadId));
    const left = [...(await stored())].filter(([id]) => !stray.has(id));
    expect(left.map(([, eventId]) => eventId).sort()).toEqual(ids);
    expect(stack.spy.records()[0]?.sequence, 'the spy has forgotten nothing').toBe(1);
    const written = new Set<string>();
    for (const record of stack.spy.records()) {
      if (
        record.kind === 's3' &&
        /^(PutObject|CompleteMultipartUpload)$/.test(record.operation) &&
        record.status === 200
      )
        written.add(record.key?.split('/')[3] ?? '');
      if (record.kind === 'event' && record.bus === 'exchange')
        expect(written).toContain((record.detail() as { id: string }).id);
    }

    const resumedParts = [...through.values()].reduce((sum, each) => sum + each.resumedParts, 0);
    process.stderr.write(
      `seed ${seed}: ${KILLS} kills, ${sent.length - FILES} events sent twice, ${resumedParts} parts resumed, ` +
        `${first.published.length} sent and ${first.unfinished.length} reported by the sweeper, ` +
        `${stray.size} stray uploads\n`,
    );
    s3.destroy();
  },
  300_000 + KILLS * 15_000,
);

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
