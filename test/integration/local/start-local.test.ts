import { access, mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { EventBridgeClient, ListEventBusesCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ListQueuesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';

import { HEALTH_PATH, offsetClock, startLocal } from '../../../local/index.ts';

const rule = { name: 'objects', pattern: { source: ['aws.s3'] }, queue: 'objects' };

describe('startLocal', () => {
  it('serves S3, SQS and EventBridge on one endpoint, and tells of new objects', async () => {
    await using stack = await startLocal({
      buckets: ['inbox'],
      queues: [{ name: 'objects' }],
      rules: [rule],
    });
    const s3 = new S3Client(stack.clientOptions());
    const sqs = new SQSClient(stack.clientOptions());
    const put = await s3.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'a b/ü.txt', Body: 'hello' }));
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: stack.queueUrl('objects'), WaitTimeSeconds: 10 }),
    );
    expect(JSON.parse(Messages![0]!.Body!)).toMatchObject({
      source: 'aws.s3',
      'detail-type': 'Object Created',
      resources: ['arn:aws:s3:::inbox'],
      detail: {
        version: '0',
        bucket: { name: 'inbox' },
        object: {
          key: 'a b/ü.txt',
          size: 5,
          etag: put.ETag!.replaceAll('"', ''),
          'version-id': put.VersionId,
          sequencer: expect.any(String),
        },
        'source-ip-address': '127.0.0.1',
        reason: 'PutObject',
      },
    });
    s3.destroy();
    sqs.destroy();
  });

  it('records S3 requests without their secrets', async () => {
    await using stack = await startLocal({ buckets: ['inbox'] });
    const s3 = new S3Client(stack.clientOptions());
    await s3.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'dir/a', Body: 'x'.repeat(1_000) }));
    await s3.send(new ListObjectsV2Command({ Bucket: 'inbox' }));
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'inbox', Key: 'dir/a' }), {
      expiresIn: 60,
    });
    stack.faults.add({ match: { presigned: true }, faults: { kind: 'cut', afterBytes: 300 } });
    const cut = await fetch(url, { headers: { range: 'bytes=0-499' } });
    await expect(cut.arrayBuffer()).rejects.toThrow('terminated');
    const record = await stack.spy.waitFor((seen) => seen.kind === 's3' && seen.presigned);
    expect(record).toMatchObject({
      operation: 'GetObject',
      method: 'GET',
      bucket: 'inbox',
      key: 'dir/a',
      status: 206,
      bytes: 300,
      range: 'bytes=0-499',
      complete: false,
    });
    expect(stack.spy.records('s3').map(({ operation }) => operation)).toEqual([
      'PutObject',
      'ListObjectsV2',
      'GetObject',
    ]);
    expect(JSON.stringify(stack.spy.records())).not.toMatch(/signature|credential/i);
    s3.destroy();
  });

  it('expires a presigned URL when its clock is moved, and SDK clients follow that clock', async () => {
    const clock = offsetClock();
    await using stack = await startLocal({ clock, buckets: ['inbox'] });
    const s3 = new S3Client(stack.clientOptions());
    const events = new EventBridgeClient(stack.clientOptions());
    await s3.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'a', Body: 'x' }));
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'inbox', Key: 'a' }), {
      expiresIn: 60,
    });
    expect((await fetch(url)).status).toBe(200);
    clock.offsetMs = 3_600_000;
    const refused = await fetch(url);
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('Request has expired');
    expect((await events.send(new ListEventBusesCommand({}))).EventBuses).toHaveLength(1);
    s3.destroy();
    events.destroy();
  });

  it('does not mix up two stacks in one process', async () => {
    await using one = await startLocal({
      queues: [{ name: 'q' }],
      rules: [{ ...rule, queue: 'q', pattern: { source: ['x'] } }],
    });
    await using two = await startLocal({ queues: [{ name: 'q' }, { name: 'r' }] });
    const events = new EventBridgeClient(one.clientOptions());
    await events.send(new PutEventsCommand({ Entries: [{ Source: 'x', DetailType: 't', Detail: '{}' }] }));
    expect(one.spy.records('message')).toHaveLength(1);
    expect(two.spy.records()).toEqual([]);
    const foreign = new SQSClient({ ...one.clientOptions(), endpoint: two.endpoint });
    await expect(foreign.send(new ListQueuesCommand({}))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    events.destroy();
    foreign.destroy();
  });

  it('answers its health, and 501 to other services', async () => {
    await using stack = await startLocal();
    const health = await fetch(`${stack.endpoint}${HEALTH_PATH}`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    const other = await fetch(stack.endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables' },
    });
    expect(other.status).toBe(501);
    const authorization =
      'AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0';
    expect((await fetch(stack.endpoint, { method: 'POST', headers: { authorization } })).status).toBe(501);
  });

  it('closes with idle and stalled connections open, twice, and removes its directory', async () => {
    const stack = await startLocal({ buckets: ['inbox'] });
    const s3 = new S3Client(stack.clientOptions());
    await s3.send(new PutObjectCommand({ Bucket: 'inbox', Key: 'a', Body: 'x'.repeat(10_000) }));
    stack.faults.add({ match: { operation: 'GetObject' }, faults: { kind: 'stall', afterBytes: 10 } });
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'inbox', Key: 'a' }));
    const broken = Body!.transformToString().catch(() => 'broken');
    const idle = await new Promise<Socket>((resolve) => {
      const socket = connect(stack.port, '127.0.0.1', () => resolve(socket));
    });
    const closed = new Promise((resolve) => idle.once('close', resolve));
    idle.resume();
    await Promise.all([stack.close(), stack.close()]);
    await closed;
    expect(await broken).toBe('broken');
    await expect(access(stack.dir)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fetch(`${stack.endpoint}${HEALTH_PATH}`)).rejects.toThrow('fetch failed');
    s3.destroy();
  });

  it('leaves no timers or sockets behind', async () => {
    const kinds = new Set(['Timeout', 'TCPServerWrap', 'TCPSocketWrap']);
    const active = () => process.getActiveResourcesInfo().filter((kind) => kinds.has(kind)).length;
    const before = active();
    const stack = await startLocal({ queues: [{ name: 'q' }] });
    const sqs = new SQSClient(stack.clientOptions());
    const poll = sqs.send(new ReceiveMessageCommand({ QueueUrl: stack.queueUrl('q'), WaitTimeSeconds: 20 }));
    await sqs.send(new ListQueuesCommand({}));
    await stack.close();
    await poll;
    sqs.destroy();
    for (let turn = 0; turn < 1_000 && active() > before; turn += 1) await setImmediate();
    expect(active()).toBeLessThanOrEqual(before);
  });

  it.each<[object, string]>([
    [{ host: '0.0.0.0' }, 'host'],
    [{ port: 70_000 }, 'port'],
    [{ identities: [] }, 'identities'],
    [{ queues: [{ name: 'q', maxReceiveCount: 0 }] }, 'queues.maxReceiveCount'],
    [{ rules: [rule] }, 'rules.queue'],
    [{ queues: [{ name: 'objects' }], rules: [{ ...rule, bus: 'nowhere' }] }, 'rules.bus'],
    [{ faults: [{ faults: [] }] }, 'faults'],
  ])('refuses the options %o', async (options, field) => {
    await expect(startLocal(options)).rejects.toThrow(field);
  });
});

describe('two stacks in one directory', () => {
  it('are refused, and the directory is free again when the first has closed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'waybill-lock-'));
    try {
      const first = await startLocal({ dir });
      await expect(startLocal({ dir })).rejects.toThrow(
        /^dir: ".*" is in use by another stack of this process$/,
      );
      await first.close();
      await (await startLocal({ dir })).close();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
