import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LOCAL_NAMES, startExchange, type LocalExchange } from '../../../cli/stack.ts';
import { createWorker, urlServiceClient, type WorkerEvent } from '../../../consumers/index.ts';
import {
  createPublisher,
  createRecords,
  erase,
  mintEventId,
  revoke,
  type PublisherOptions,
  type PublishResult,
  type Records,
  type RevocationOptions,
} from '../../../producers/index.ts';
import { createClaimCheckSigner } from '../../../shared/claim-check.ts';
import { systemClock } from '../../../shared/clock.ts';
import { RecordsError, RevocationError } from '../../../shared/errors.ts';
import { silentLogger } from '../../../shared/logger.ts';
import { REVOKED_TAG } from '../../../shared/revoked-tag.ts';

const bucket = LOCAL_NAMES.bucket;

describe('revoking and erasing', () => {
  let dir: string;
  let exchange: LocalExchange;
  let s3: S3Client;
  let records: Records;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-revoke-'));
    exchange = await startExchange({ dir, logger: silentLogger });
    s3 = new S3Client(exchange.local.clientOptions());
    records = createRecords({ control: exchange.control, credentials: exchange.local.credentials });
  });
  afterEach(() => exchange.local.faults.clear());
  afterAll(async () => {
    records.close();
    s3.destroy();
    await exchange[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const publish = async (
    attachments: { buffer: Buffer; name: string }[],
    options: Partial<PublisherOptions> = {},
  ): Promise<PublishResult> => {
    const { local, stores, control, signingKey } = exchange;
    await using publisher = createPublisher({
      producer: LOCAL_NAMES.producer,
      stores,
      bus: LOCAL_NAMES.bus,
      endpoint: local.endpoint,
      credentials: local.credentials,
      signer: createClaimCheckSigner(signingKey),
      control,
      ...options,
    });
    return await publisher.publish({ type: 'note.added', attachments });
  };
  const files = (...names: string[]) =>
    names.map((name) => ({ name, buffer: Buffer.from(`bytes of ${name}`) }));
  const options = (target: RevocationOptions['target']): RevocationOptions => ({
    target,
    stores: exchange.stores,
    control: exchange.control,
    credentials: exchange.local.credentials,
    by: 'auditor',
    reason: 'a test',
  });
  const statusOf = async ({ event }: PublishResult, index = 0): Promise<number> => {
    const response = await fetch(event.data.attachments[index]!.access!.url.reveal());
    await response.arrayBuffer();
    return response.status;
  };
  const urlService = () =>
    urlServiceClient({
      endpoint: exchange.urlService.url,
      region: exchange.local.region,
      credentials: exchange.local.credentials,
    });
  const fresh = async (published: PublishResult, index = 0) => {
    const attachment = published.event.data.attachments[index]!;
    return await urlService().refetch(attachment, {});
  };
  const audits = async (): Promise<any[]> => {
    const found: unknown[] = [];
    for await (const { key } of records.list('audit/'))
      found.push(JSON.parse((await records.get(key))!.body));
    return found;
  };
  const versionsOf = async (key: string) => {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }),
    );
    return [...Versions, ...DeleteMarkers];
  };
  const putVersion = async (key: string, body: string): Promise<string> =>
    (await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))).VersionId ?? '';

  it('kills live URLs and claim checks of an event, of no other, and brings them back', async () => {
    const published = await publish(files('a', 'b'));
    const other = await publish(files('a'));
    expect(await statusOf(published)).toBe(200);

    const report = await revoke(options({ eventId: published.event.id }));
    expect(report.changed.map(({ key }) => key).sort()).toEqual(
      published.event.data.attachments.map(({ key }) => key).sort(),
    );
    expect([await statusOf(published, 0), await statusOf(published, 1)]).toEqual([403, 403]);
    await expect(fresh(published)).rejects.toMatchObject({
      code: 'payload-gone',
      details: { status: 410, reason: 'revoked' },
    });
    expect(await statusOf(other)).toBe(200);
    await fresh(other);
    expect(await revoke(options({ eventId: published.event.id }))).toMatchObject({ changed: [] });

    const undone = await revoke({ ...options({ eventId: published.event.id }), undo: true });
    expect(undone.changed).toHaveLength(2);
    expect(await statusOf(published)).toBe(200);
    await fresh(published);
  });

  it('finds the payloads of an event that no ledger has', async () => {
    const published = await publish(files('a', 'b'), { durability: 'none' });
    expect((await revoke(options({ eventId: published.event.id }))).changed).toHaveLength(2);
    expect(await statusOf(published, 1)).toBe(403);
  });

  it('finds the payloads that stood in the store before their event', async () => {
    const key = `uploads/${randomUUID()}/scan.pdf`;
    const [named, later] = [await putVersion(key, 'one'), await putVersion(key, 'two')];
    const { local, stores, control, signingKey } = exchange;
    await using publisher = createPublisher({
      producer: LOCAL_NAMES.producer,
      stores,
      bus: LOCAL_NAMES.bus,
      endpoint: local.endpoint,
      credentials: local.credentials,
      signer: createClaimCheckSigner(signingKey),
      control,
    });
    const digest = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;
    const { event } = await publisher.publish({
      type: 'note.added',
      attachments: [{ name: 'scan.pdf', stored: { key, versionId: named, size: 3, digest } }],
    });
    const { changed } = await revoke(options({ eventId: event.id }));
    expect(changed.map(({ versionId }) => versionId)).toEqual([named]);
    expect(later).not.toBe(named);
  });

  it('revokes one version of a key and leaves the other, and every version without an id', async () => {
    const key = `uploads/${randomUUID()}/a b&c.txt`;
    const [first, second] = [await putVersion(key, 'one'), await putVersion(key, 'two')];
    await putVersion(`${key}.other`, 'untouched');
    const tagsOf = async (versionId: string) => {
      const { TagSet = [] } = await s3.send(
        new GetObjectTaggingCommand({ Bucket: bucket, Key: key, VersionId: versionId }),
      );
      return TagSet.map(({ Key }) => Key);
    };
    await s3.send(
      new PutObjectTaggingCommand({
        Bucket: bucket,
        Key: key,
        VersionId: first,
        Tagging: { TagSet: [{ Key: 'project', Value: 'x' }] },
      }),
    );

    await revoke(options({ key, versionId: first }));
    expect(await tagsOf(first)).toEqual(['project', REVOKED_TAG]);
    expect(await tagsOf(second)).toEqual([]);
    await revoke({ ...options({ key, versionId: first }), undo: true });
    expect(await tagsOf(first)).toEqual(['project']);

    expect((await revoke(options({ key }))).changed).toHaveLength(2);
    expect([await tagsOf(first), await tagsOf(second)]).toEqual([['project', REVOKED_TAG], [REVOKED_TAG]]);
  });

  it('erases every version and delete marker of an event, and says what it would do first', async () => {
    const published = await publish(files('a', 'b'));
    const other = await publish(files('a'));
    const [{ key }, { key: second }] = published.event.data.attachments as any;
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    expect(await versionsOf(key)).toHaveLength(2);

    const plan = await erase({ ...options({ eventId: published.event.id }), dryRun: true });
    expect(plan.versions).toHaveLength(3);
    expect(plan.auditKey).toBeUndefined();
    expect(await versionsOf(key)).toHaveLength(2);

    const report = await erase(options({ eventId: published.event.id }));
    expect(report.changed).toHaveLength(3);
    expect([await versionsOf(key), await versionsOf(second)]).toEqual([[], []]);
    await expect(fresh(published)).rejects.toMatchObject({ code: 'payload-gone', details: { status: 404 } });
    expect(await statusOf(other)).toBe(200);
  });

  it('says in the audit records who did what to which versions, before and after', async () => {
    const published = await publish(files('a'));
    const before = (await audits()).length;
    const { auditKey } = await revoke(options({ eventId: published.event.id }));
    await erase(options({ eventId: published.event.id }));
    const written = (await audits()).slice(before);
    expect(written.map(({ action, state, by, reason }) => [action, state, by, reason])).toEqual([
      ['revoke', 'begun', 'auditor', 'a test'],
      ['revoke', 'done', 'auditor', 'a test'],
      ['erase', 'begun', 'auditor', 'a test'],
      ['erase', 'done', 'auditor', 'a test'],
    ]);
    const [{ key, versionId, store }] = published.event.data.attachments as any;
    expect(written[0]).toMatchObject({
      format: 'waybill-audit/1',
      target: { eventId: published.event.id },
      versions: [{ store, key, versionId }],
    });
    expect(written[3].changed).toEqual([{ store, key, versionId }]);
    expect(auditKey).toMatch(/^audit\/\d{4}-\d\d-\d\d\/\d{8}T\d{9}Z-[0-9a-f]{12}\.begun\.json$/);
  });

  it('does nothing that it cannot write down', async () => {
    const published = await publish(files('a'));
    exchange.local.faults.add({
      match: { service: 's3', operation: 'PutObject', bucket: LOCAL_NAMES.controlBucket },
      times: Infinity,
      faults: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    await expect(erase(options({ eventId: published.event.id }))).rejects.toThrow(RecordsError);
    expect(await statusOf(published)).toBe(200);
  });

  it('tells what failed, does the rest, and finishes when it is run again', async () => {
    const published = await publish(files('a', 'b', 'c'));
    const { key } = published.event.data.attachments[1]!;
    exchange.local.faults.add({
      match: { service: 's3', operation: 'DeleteObject', key },
      times: Infinity,
      faults: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const target = { eventId: published.event.id };
    await expect(erase(options(target))).rejects.toThrow(/1 of 3 versions failed; the first is .* version/);
    expect((await audits()).at(-1)).toMatchObject({ state: 'failed', changed: [{}, {}] });
    exchange.local.faults.clear();
    expect((await erase(options(target))).changed.map((each) => each.key)).toEqual([key]);
  });

  it('refuses what names nothing', async () => {
    await expect(revoke(options({ eventId: mintEventId(systemClock) }))).rejects.toThrow(RevocationError);
    await expect(erase(options({ key: 'payloads/none' }))).rejects.toThrow(/key payloads\/none: no version/);
    await expect(revoke(options({ eventId: 'x' }))).rejects.toThrow(/target\.eventId: got "x"/);
    await expect(revoke({ ...options({ key: 'a' }), by: '' })).rejects.toThrow(/^by: /);
  });

  it('ends a download under way: the parts that were asked for end, the next is refused, the worker rejects', async () => {
    const PART = 128 * 1024;
    const published = await publish([{ name: 'big.bin', buffer: Buffer.alloc(64 * PART, 7) }], {
      urlTtlSeconds: 3600,
    });
    const { key } = published.event.data.attachments[0]!;
    // Half a second for each of 64 parts: the download waits for us, not we for it.
    exchange.local.faults.add({
      match: { service: 's3', operation: 'GetObject', key },
      times: Infinity,
      faults: { kind: 'throttle', bytesPerSecond: 2 * PART },
    });
    let tell: (event: WorkerEvent) => void = () => {};
    const rejected = new Promise<WorkerEvent>((resolve) => (tell = resolve));
    await using worker = createWorker({
      queueUrl: exchange.local.queueUrl(LOCAL_NAMES.queue),
      deadLetterQueueUrl: exchange.local.queueUrl(LOCAL_NAMES.deadLetterQueue),
      stores: exchange.stores,
      urlSource: urlService(),
      events: { '*': z.looseObject({}) },
      sqs: exchange.local.clientOptions(),
      download: { connections: 1, partSizeBytes: PART, singleGetBelowBytes: 1 },
      handler: async (event) => {
        const target = join(dir, event.id);
        if (event.id === published.event.id) await event.data.attachments[0]!.saveTo(target);
      },
      onEvent: (event) => {
        if (event.kind === 'rejected') tell(event);
      },
    });
    const gets = () =>
      exchange.local.spy.records('s3').filter((each) => each.operation === 'GetObject' && each.key === key);
    await exchange.local.spy.waitFor(() => gets().length >= 2, { timeoutMs: 20_000 });
    await revoke(options({ eventId: published.event.id }));

    expect(await rejected).toMatchObject({
      eventId: published.event.id,
      code: 'payload-gone',
      reason: expect.stringContaining('revoked') as string,
    });
    const statuses = gets().map(({ status }) => status);
    const served = statuses.indexOf(403);
    expect(served).toBeGreaterThanOrEqual(2);
    expect(served).toBeLessThan(64);
    expect(new Set(statuses.slice(0, served))).toEqual(new Set([206]));
    expect(new Set(statuses.slice(served))).toEqual(new Set([403]));
    await expect(readFile(join(dir, published.event.id))).rejects.toMatchObject({ code: 'ENOENT' });
    await worker.stop();
  });
});
