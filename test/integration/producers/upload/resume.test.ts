import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalStack } from '../../../../local/index.ts';
import { mintEventId, UploadError, type UploadOptions } from '../../../../producers/index.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { download, MIB, pattern, publisherFor, s3For, startStack } from '../harness.ts';
import type { ChildOrder } from './child.ts';

const PART = 5 * MIB;
const bytes = pattern(8 * PART + 3);
const PARTS = 9;

describe('an upload that was left open', () => {
  let stack: LocalStack;
  let s3: S3Client;
  let dir: string;
  let path: string;
  beforeAll(async () => {
    stack = await startStack();
    s3 = s3For(stack);
    dir = await mkdtemp(join(tmpdir(), 'waybill-resume-'));
    path = join(dir, 'payload.bin');
  });
  afterAll(async () => {
    s3.destroy();
    await stack.close();
    await rm(dir, { recursive: true });
  });
  afterEach(async () => {
    stack.faults.clear();
    for (const { Key, UploadId } of await open())
      await s3.send(new AbortMultipartUploadCommand({ Bucket: 'payloads', Key, UploadId }));
  });

  const open = async () => {
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: 'payloads' }));
    return Uploads;
  };
  const sent = (operation = 'UploadPart'): number =>
    stack.spy.records('s3').filter((record) => record.operation === operation && record.status === 200)
      .length;

  /** Publishes the file; `parts` counts what was sent. */
  const publish = async (id: string, upload: UploadOptions = {}, signal?: AbortSignal, onPart = () => {}) => {
    await using publisher = publisherFor(stack, { upload: { resume: true, concurrency: 2, ...upload } });
    const before = sent();
    const { event, uploads } = await publisher.publish({
      id,
      type: 'a',
      attachments: [{ path }],
      onProgress: onPart,
      ...(signal === undefined ? {} : { signal }),
    });
    return { stored: await download(event, 0), report: uploads[0]!, parts: sent() - before };
  };

  /** Leaves an upload open with some parts, as a caller that aborts does. */
  const leaveOpen = async (id: string, content: Buffer = bytes, parts = 4): Promise<void> => {
    await writeFile(path, content);
    const controller = new AbortController();
    let done = 0;
    const onPart = (): void => {
      done += 1;
      if (done === parts) controller.abort(new Error('enough'));
    };
    await expect(publish(id, { concurrency: 1 }, controller.signal, onPart)).rejects.toThrow('enough');
    expect(await open()).toHaveLength(1);
  };

  it('goes on after kill -9, and sends only what S3 does not hold', async () => {
    await writeFile(path, bytes);
    const id = mintEventId(systemClock);
    const child = fork(new URL('child.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
    const exited = once(child, 'exit');
    child.on('message', (uploaded) => {
      if (Number(uploaded) >= bytes.length / 2) child.kill('SIGKILL');
    });
    // So that it is killed half-way, and not at the end: five parts get through, the others have to wait.
    stack.faults.add({
      match: { operation: 'UploadPart' },
      skip: 5,
      times: Infinity,
      faults: { kind: 'status', status: 503 },
    });
    child.send({
      id,
      path,
      options: {
        producer: 'billing',
        bus: 'waybill',
        stores: { main: { bucket: 'payloads', region: stack.region, endpoint: stack.endpoint } },
        endpoint: stack.endpoint,
        credentials: stack.credentials,
        upload: { partSizeBytes: PART, resume: true, concurrency: 2 },
      },
    } satisfies ChildOrder);
    expect((await exited)[1]).toBe('SIGKILL');
    stack.faults.clear();
    const [left] = await open();
    expect(left?.Key).toContain(id);
    const { stored, report, parts } = await publish(id);
    expect(stored.equals(bytes)).toBe(true);
    expect(report).toMatchObject({ parts: PARTS, resumedParts: 5, bytes: bytes.length });
    expect(parts).toBe(PARTS - 5);
    expect(await open()).toEqual([]);
  });

  it('goes on after its caller aborted it', async () => {
    const id = mintEventId(systemClock);
    await leaveOpen(id);
    const created = sent('CreateMultipartUpload');
    const { stored, report, parts } = await publish(id);
    expect(stored.equals(bytes)).toBe(true);
    expect(report.resumedParts).toBeGreaterThanOrEqual(4);
    expect(parts).toBe(PARTS - report.resumedParts);
    expect(sent('CreateMultipartUpload')).toBe(created);
  });

  it('goes on after S3 was away for longer than the retries', async () => {
    await writeFile(path, bytes);
    const id = mintEventId(systemClock);
    const retry = { maxAttempts: 2, backoffBaseMs: 1, backoffCapMs: 1 };
    stack.faults.add({
      match: { operation: 'UploadPart' },
      skip: 3,
      times: Infinity,
      faults: { kind: 'status', status: 503 },
    });
    await expect(publish(id, { retry, concurrency: 1 })).rejects.toBeInstanceOf(UploadError);
    stack.faults.clear();
    const { stored, report } = await publish(id);
    expect(stored.equals(bytes)).toBe(true);
    expect(report.resumedParts).toBe(3);
  });

  it('sends again the parts of a file that is another one by now', async () => {
    const id = mintEventId(systemClock);
    await leaveOpen(id);
    const changed = Buffer.from(bytes);
    changed[PART + 17]! ^= 1; // in part 2, with the same size
    await writeFile(path, changed);
    const { stored, report } = await publish(id);
    expect(stored.equals(changed)).toBe(true);
    expect(report.resumedParts).toBeGreaterThanOrEqual(3);
  });

  it('keeps nothing of a file whose bytes all moved, or of parts of another size', async () => {
    const [first, second] = [mintEventId(systemClock), mintEventId(systemClock)];
    await leaveOpen(first);
    const moved = Buffer.concat([Buffer.of(7), bytes.subarray(0, 3 * PART)]);
    await writeFile(path, moved);
    expect(await publish(first)).toMatchObject({ report: { resumedParts: 0, parts: 4 }, parts: 4 });
    await leaveOpen(second);
    const other = await publish(second, { partSizeBytes: 6 * MIB });
    expect(other.report.resumedParts).toBe(0);
    expect(other.stored.equals(bytes)).toBe(true);
  });

  it('starts afresh when nobody asked to resume, and takes a failed upload back', async () => {
    const id = mintEventId(systemClock);
    await leaveOpen(id);
    expect((await publish(id, { resume: false })).report.resumedParts).toBe(0);
    expect(await open()).toHaveLength(1); // the one that was left open before
    const controller = new AbortController();
    const onPart = (): void => controller.abort(new Error('enough'));
    const again = publish(mintEventId(systemClock), { resume: false }, controller.signal, onPart);
    await expect(again).rejects.toThrow('enough');
    expect(await open()).toHaveLength(1);
  });

  it('starts afresh when uploads may not be listed', async () => {
    const id = mintEventId(systemClock);
    await leaveOpen(id);
    const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
    stack.faults.add({ match: { operation: 'ListMultipartUploads' }, faults: denied });
    const { stored, report } = await publish(id);
    expect(stored.equals(bytes)).toBe(true);
    expect(report.resumedParts).toBe(0);
  });

  it('leaves uploads of other keys, and such that have no checksum of the whole, alone', async () => {
    await writeFile(path, bytes);
    const id = mintEventId(systemClock);
    const key = `payloads/billing/a/${id}/1`;
    for (const [Key, extra] of [
      [`${key}0`, { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'FULL_OBJECT' }],
      [key, {}],
      [key, { ChecksumAlgorithm: 'CRC32C', ChecksumType: 'COMPOSITE' }],
    ] as const)
      await s3.send(new CreateMultipartUploadCommand({ Bucket: 'payloads', Key, ...extra }));
    expect((await publish(id)).report.resumedParts).toBe(0);
    expect(await open()).toHaveLength(3);
  });

  it('starts again when somebody else ends the upload under way', async () => {
    await writeFile(path, bytes);
    const id = mintEventId(systemClock);
    let ended: Promise<unknown> | undefined;
    const endIt = async (): Promise<void> => {
      const [{ Key, UploadId } = {}] = await open();
      await s3.send(new AbortMultipartUploadCommand({ Bucket: 'payloads', Key, UploadId }));
    };
    stack.faults.add({
      match: { operation: 'UploadPart' },
      skip: 4,
      faults: { kind: 'status', status: 503 },
    });
    const onPart = (): void => void (ended ??= endIt());
    const { stored } = await publish(id, { concurrency: 1 }, undefined, onPart);
    await ended;
    expect(stored.equals(bytes)).toBe(true);
    expect(await open()).toEqual([]);
  });

  it.each(['fast', 'sdk'] as const)('is found by the %s transport', async (transport) => {
    const id = mintEventId(systemClock);
    await leaveOpen(id);
    const { stored, report } = await publish(id, { transport });
    expect(stored.equals(bytes)).toBe(true);
    expect(report.resumedParts).toBeGreaterThanOrEqual(4);
  });
});
