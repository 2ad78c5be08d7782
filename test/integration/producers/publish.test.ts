import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventRecord, LocalStack, MessageRecord } from '../../../local/index.ts';
import { EventTooLargeError } from '../../../shared/errors.ts';
import { parseEnvelope, parseManifest } from '../../../shared/events/index.ts';
import { formatDigest } from '../../../shared/digest.ts';
import { chunksOf, download, MIB, pattern, publisherFor, s3For, startStack, verifier } from './harness.ts';

const digestOf = (bytes: Buffer): string => formatDigest(createHash('sha256').update(bytes).digest());

describe('publish', () => {
  let stack: LocalStack;
  let dir: string;
  beforeAll(async () => {
    stack = await startStack();
    dir = await mkdtemp(join(tmpdir(), 'waybill-publish-'));
  });
  afterAll(async () => {
    await stack.close();
    await rm(dir, { recursive: true });
  });

  it('uploads a file, a stream, bytes and nothing at all, and names them in one event', async () => {
    await using publisher = publisherFor(stack);
    const path = join(dir, 'invoice.pdf');
    const contents = [
      pattern(11 * MIB + 7, 1),
      pattern(6 * MIB, 2),
      pattern(3000, 3),
      Buffer.alloc(0),
      pattern(99, 4),
    ];
    await writeFile(path, contents[0]!);
    const { event, uploads, viaManifest, droppedAccess } = await publisher.publish({
      type: 'invoice.created',
      subject: 'invoice/42',
      data: { total: 42 },
      attachments: [
        { path },
        { stream: chunksOf(contents[1]!), name: 'scans/scan.png', id: 'scan' },
        { buffer: contents[2]!, name: 'notes.txt', mediaType: 'text/plain; charset=utf-8' },
        { buffer: contents[3]!, name: 'empty' },
        { stream: Readable.from([contents[4]!]), size: 99, name: 'small.bin' },
      ],
    });
    expect({ viaManifest, droppedAccess }).toEqual({ viaManifest: false, droppedAccess: false });
    expect(uploads.map(({ bytes, parts }) => [bytes, parts])).toEqual([
      [11 * MIB + 7, 3],
      [6 * MIB, 2],
      [3000, 1],
      [0, 1],
      [99, 1],
    ]);
    expect(event.data).toMatchObject({ total: 42 });
    expect(event.data.attachments.map(({ id, name, mediaType }) => [id, name, mediaType])).toEqual([
      ['1', 'invoice.pdf', 'application/pdf'],
      ['scan', 'scans/scan.png', 'image/png'],
      ['3', 'notes.txt', 'text/plain; charset=utf-8'],
      ['4', 'empty', 'application/octet-stream'],
      ['5', 'small.bin', 'application/octet-stream'],
    ]);
    for (const [index, bytes] of contents.entries()) {
      const attachment = event.data.attachments[index]!;
      expect(attachment.key).toBe(`payloads/billing/invoice.created/${event.id}/${attachment.id}`);
      expect((await download(event, index)).equals(bytes)).toBe(true);
      expect(attachment).toMatchObject({ size: bytes.length, digest: digestOf(bytes) });
      expect(await verifier.verify(attachment.claimCheck!)).toMatchObject({
        eventId: event.id,
        attachmentId: attachment.id,
        versionId: attachment.versionId,
      });
    }
  });

  it('routes the event with its envelope to the queue', async () => {
    await using publisher = publisherFor(stack);
    const { event, eventBridgeId } = await publisher.publish({
      type: 'note.added',
      source: 'billing.notes',
      time: new Date('2026-01-31T12:00:00Z'),
      attachments: [{ buffer: Buffer.from('hello'), name: 'a.txt' }],
    });
    const isOurs = (record: { kind: string }): record is MessageRecord =>
      record.kind === 'message' && (record as MessageRecord).body().includes(event.id);
    const message = await stack.spy.waitFor(isOurs);
    const { envelope, event: received } = parseEnvelope(message.body());
    expect(envelope).toMatchObject({ id: eventBridgeId, source: 'billing.notes', detailType: 'note.added' });
    expect(envelope.resources).toEqual([`arn:aws:s3:::payloads/${event.data.attachments[0]!.key}`]);
    expect(envelope.time).toBe('2026-01-31T12:00:00Z');
    expect(received.data.attachments[0]!.access!.url.reveal()).toBe(
      event.data.attachments[0]!.access!.url.reveal(),
    );
  });

  it('publishes an event without attachments', async () => {
    await using publisher = publisherFor(stack);
    const { event, uploads } = await publisher.publish({ type: 'note.removed', data: { id: 7 } });
    expect([event.data.attachments, uploads]).toEqual([[], []]);
  });

  it('publishes without URLs when told so, leaving the claim check', async () => {
    await using publisher = publisherFor(stack, { urlTtlSeconds: false });
    const { event } = await publisher.publish({
      type: 'a',
      attachments: [{ buffer: Buffer.of(1), name: 'x' }],
    });
    expect(event.data.attachments[0]).not.toHaveProperty('access');
    expect(event.data.attachments[0]!.claimCheck).toBeDefined();
  });

  it('keeps the versions when the same event is published again, by the same id', async () => {
    await using publisher = publisherFor(stack);
    const big = pattern(6 * MIB, 9);
    const attachments = [
      { buffer: Buffer.from('same'), name: 'x' },
      { buffer: big, name: 'big' },
    ];
    const { event } = await publisher.publish({ type: 'a', attachments });
    const again = await publisher.publish({ id: event.id, type: 'a', attachments });
    expect(again.event.data.attachments.map(({ versionId }) => versionId)).toEqual(
      event.data.attachments.map(({ versionId }) => versionId),
    );
    expect(again.event.data.attachments[0]!.claimCheck!.reveal()).toBe(
      event.data.attachments[0]!.claimCheck!.reveal(),
    );
  });

  it('moves 400 attachments to a manifest object, the same one when published again', async () => {
    await using publisher = publisherFor(stack);
    const attachments = Array.from({ length: 400 }, (_, n) => ({
      buffer: Buffer.of(n % 256),
      name: `f${n}.bin`,
    }));
    const first = await publisher.publish({ type: 'batch.sent', attachments });
    expect([first.viaManifest, first.event.data.attachments, first.uploads.length]).toEqual([true, [], 401]);
    const manifest = first.event.data.manifest!;
    expect(manifest).toMatchObject({ name: 'manifest.json', mediaType: 'application/json', id: 'manifest' });
    expect(manifest.key).toBe(`payloads/billing/batch.sent/${first.event.id}/manifest`);
    const { key: Key, versionId: VersionId } = manifest;
    const client = s3For(stack);
    const stored = await client.send(new GetObjectCommand({ Bucket: 'payloads', Key, VersionId }));
    const text = await stored.Body!.transformToString();
    expect(digestOf(Buffer.from(text))).toBe(manifest.digest);
    const listed = parseManifest(text, 32 * MIB).attachments;
    expect(listed.map(({ name }) => name)).toEqual(attachments.map(({ name }) => name));
    expect(listed.every(({ claimCheck, access }) => claimCheck !== undefined && access === undefined)).toBe(
      true,
    );
    const again = await publisher.publish({ id: first.event.id, type: 'batch.sent', attachments });
    expect(again.event.data.manifest!.versionId).toBe(manifest.versionId);
    client.destroy();
  });

  it('drops the URLs of an event that fits without them', async () => {
    await using publisher = publisherFor(stack, { eventBudgetBytes: 9500 });
    const attachments = Array.from({ length: 7 }, (_, n) => ({ buffer: Buffer.of(n), name: `f${n}.bin` }));
    const result = await publisher.publish({ type: 'a', attachments });
    expect(result).toMatchObject({ droppedAccess: true, viaManifest: false });
    expect(result.event.data.attachments[0]).not.toHaveProperty('access');
    await using unsigned = publisherFor(stack, { eventBudgetBytes: 6000 }, null);
    await expect(unsigned.publish({ type: 'a', attachments })).rejects.toThrow(/configure a signer/);
  });

  it('reports progress per attachment and survives a throwing listener', async () => {
    await using publisher = publisherFor(stack);
    const seen: number[] = [];
    await publisher.publish({
      type: 'a',
      attachments: [{ buffer: pattern(11 * MIB), name: 'x' }],
      onProgress: ({ uploadedBytes, totalBytes }) => {
        expect(totalBytes).toBe(11 * MIB);
        seen.push(uploadedBytes);
        throw new Error('listener');
      },
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(11 * MIB);
  });

  it('puts the event once more under the same id when an answer is lost', async () => {
    await using publisher = publisherFor(stack);
    stack.faults.add({
      match: { service: 'events', operation: 'PutEvents' },
      faults: { kind: 'drop-response' },
    });
    const { event } = await publisher.publish({ type: 'lost.answer', source: 'billing.lost' });
    const put = stack.spy
      .records()
      .filter((record): record is EventRecord => record.kind === 'event' && record.source === 'billing.lost');
    expect(put.map((record) => (record.detail() as { id: string }).id)).toEqual([event.id, event.id]);
  });

  it('settles every event of publishAll by itself, and refuses more after close', async () => {
    const publisher = publisherFor(stack);
    const results = await publisher.publishAll([{ type: 'a' }, { type: 'not valid' }, { type: 'c' }]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await publisher.close();
    await expect(publisher.publish({ type: 'a' })).rejects.toThrow(/closed/);
  });

  it('fails before any upload when the data alone exceeds the budget', async () => {
    await using publisher = publisherFor(stack, { eventBudgetBytes: 4096 });
    const before = stack.spy.records().length;
    const publishing = publisher.publish({
      type: 'a',
      data: { text: 'x'.repeat(4000) },
      attachments: [{ buffer: Buffer.of(1), name: 'x' }],
    });
    await expect(publishing).rejects.toBeInstanceOf(EventTooLargeError);
    expect(stack.spy.records().length).toBe(before);
  });

  it('never logs a URL or a claim check', async () => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
    await using publisher = publisherFor(stack, { logger: { debug: log, info: log, warn: log, error: log } });
    stack.faults.add({
      match: { service: 's3', operation: 'PutObject' },
      faults: { kind: 'status', status: 503 },
    });
    const { event } = await publisher.publish({
      type: 'a',
      attachments: [{ buffer: Buffer.of(1), name: 'x' }],
    });
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join('\n')).not.toMatch(/X-Amz-Signature|eyJ/);
    expect(JSON.stringify(event)).not.toMatch(/X-Amz-Signature|eyJ/);
  });
});
