import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DescribeArchiveCommand, EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const topology = {
  identities: [{ accessKeyId: 'PARTNER', secretAccessKey: 'sesame', name: 'partner' }],
  buckets: ['inbox'],
  queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq' }],
  buses: ['exchange'],
  rules: [{ bus: 'exchange', name: 'all', pattern: { source: ['shop'] }, queue: 'orders' }],
  archives: [{ name: 'kept', bus: 'exchange', retentionDays: 7 }],
};

describe('waybill up --seed', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-seed-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  const up = (...args: string[]) => {
    const all = [
      '--import',
      'tsx',
      MAIN,
      'up',
      '--json',
      '--port',
      '0',
      '--upload-port',
      '0',
      '--url-service-port',
      '0',
      '--dir',
      dir,
    ];
    const env = { PATH: process.env['PATH'], HOME: dir };
    const child = spawn(process.execPath, [...all, '--write-env', join(dir, 'env'), ...args], { env });
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const line = new Promise<string>((resolve) =>
      child.stdout.once('data', (text: Buffer) => resolve(String(text))),
    );
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { child, line, code, stderr: () => stderr };
  };

  it('starts with the topology, for the identities it names', async () => {
    const seed = join(dir, 'topology.json');
    await writeFile(seed, JSON.stringify(topology));
    const { child, line, code } = up('--seed', seed);
    try {
      const { endpoint } = JSON.parse(await line) as { endpoint: string };
      const credentials = { accessKeyId: 'PARTNER', secretAccessKey: 'sesame' };
      const options = { endpoint, region: 'us-east-1', credentials };
      const [sqs, events] = [new SQSClient(options), new EventBridgeClient(options)];
      const { QueueUrls } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'orders' }));
      expect(QueueUrls?.map((url) => url.replace(/.*\//, ''))).toEqual(['orders-dlq', 'orders']);
      const { Rules } = await events.send(new ListRulesCommand({ EventBusName: 'exchange' }));
      expect(Rules?.map(({ Name }) => Name)).toEqual(['all']);
      const archive = await events.send(new DescribeArchiveCommand({ ArchiveName: 'kept' }));
      expect(archive.RetentionDays).toBe(7);
      sqs.destroy();
      events.destroy();
    } finally {
      child.kill('SIGTERM');
    }
    expect(await code).toBe(0);
  });

  it.each([
    ['{"queues": [{"name": "q", "maxReceiveCount": 0}]}', 'queues.0.maxReceiveCount'],
    ['{"rules": [{"name": "r", "pattern": {}, "queue": "nowhere"}]}', 'rules.0.pattern'],
    [
      '{"rules": [{"name": "r", "pattern": {"source": ["x"]}, "queue": "nowhere"}]}',
      'rules.queue: got "nowhere", expected a queue that exists',
    ],
  ])('ends with 2 at %s', async (text, complaint) => {
    const seed = join(dir, 'topology.json');
    await writeFile(seed, text);
    const { code, stderr } = up('--seed', seed);
    expect(await code).toBe(2);
    expect(stderr()).toContain(complaint);
  });

  it('ends with 2 if the file is not there', async () => {
    const { code, stderr } = up('--seed', join(dir, 'nothing.json'));
    expect(await code).toBe(2);
    expect(stderr()).toContain('cannot be read (ENOENT)');
  });
});
