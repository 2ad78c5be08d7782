import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  CancelReplayCommand,
  CreateArchiveCommand,
  DeleteArchiveCommand,
  DescribeArchiveCommand,
  DescribeReplayCommand,
  EventBridgeClient,
  ListArchivesCommand,
  ListReplaysCommand,
  PutEventsCommand,
  StartReplayCommand,
  UpdateArchiveCommand,
  type DescribeReplayCommandOutput,
} from '@aws-sdk/client-eventbridge';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManualClock, startLocal, type LocalStack } from '../../../local/index.ts';

const HOUR_MS = 3_600_000;

describe('archives and replays', () => {
  let dir: string;
  let stack: LocalStack;
  let events: EventBridgeClient;
  const clock = createManualClock();
  const startMs = clock.nowMs();
  const busArn = 'arn:aws:events:us-east-1:000000000000:event-bus/exchange';

  const open = async (): Promise<void> => {
    const toQueue = (name: string) => ({ bus: 'exchange', name, pattern: { source: ['shop'] }, queue: name });
    stack = await startLocal({
      dir,
      clock,
      identities: [{ accessKeyId: 'A', secretAccessKey: 'S' }],
      queues: [{ name: 'one' }, { name: 'two' }],
      buses: ['exchange'],
      rules: [toQueue('one'), toQueue('two')],
      archives: [{ name: 'all', bus: 'exchange' }],
    });
    events = new EventBridgeClient({ ...stack.clientOptions(), maxAttempts: 1 });
  };
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'waybill-archive-'));
    clock.set(startMs);
    await open();
  });
  afterEach(async () => {
    events.destroy();
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  });

  const put = async (n: number, at: number): Promise<void> => {
    const entry = { Source: 'shop', DetailType: 'order', EventBusName: 'exchange' };
    const Time = new Date(startMs + at);
    await events.send(new PutEventsCommand({ Entries: [{ ...entry, Time, Detail: `{"n":${n}}` }] }));
  };
  const receive = async (name: string): Promise<readonly { id: string; [field: string]: unknown }[]> => {
    const sqs = new SQSClient(stack.clientOptions());
    const QueueUrl = stack.queueUrl(name);
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    sqs.destroy();
    return Messages.map(({ Body }) => JSON.parse(Body!));
  };
  const start = async (
    name: string,
    options: { FilterArns?: string[]; Arn?: string } = {},
  ): Promise<void> => {
    const { Arn = busArn, ...filter } = options;
    await events.send(
      new StartReplayCommand({
        ReplayName: name,
        EventSourceArn: 'arn:aws:events:us-east-1:000000000000:archive/all',
        EventStartTime: new Date(startMs),
        EventEndTime: new Date(startMs + HOUR_MS),
        Destination: { Arn, ...filter },
      }),
    );
  };
  const ended = async (name: string): Promise<DescribeReplayCommandOutput> => {
    for (let look = 0; look < 500; look += 1) {
      const replay = await events.send(new DescribeReplayCommand({ ReplayName: name }));
      if (!['STARTING', 'RUNNING', 'CANCELLING'].includes(replay.State!)) return replay;
    }
    throw new Error('the replay does not end');
  };

  it('deliver again what was archived: by event time, with a new id, to the rules that are named', async () => {
    await put(2, 60_000);
    await put(1, 1_000);
    await put(3, HOUR_MS + 1_000);
    const originals = await receive('one');
    await receive('two');
    const FilterArns = ['arn:aws:events:us-east-1:000000000000:rule/exchange/one'];
    await start('again', { FilterArns });
    const replay = await ended('again');
    expect(replay).toMatchObject({ State: 'COMPLETED', Destination: { Arn: busArn, FilterArns } });
    expect(replay.EventLastReplayedTime?.getTime()).toBe(Math.floor((startMs + 60_000) / 1_000) * 1_000);
    const replayed = await receive('one');
    expect(replayed.map(({ detail }) => detail)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(replayed.every((event) => event['replay-name'] === 'again')).toBe(true);
    expect(originals.map(({ id }) => id)).not.toContain(replayed[0]?.id);
    expect(originals[0]).not.toHaveProperty('replay-name');
    expect(await receive('two')).toEqual([]);
    const archive = await events.send(new DescribeArchiveCommand({ ArchiveName: 'all' }));
    expect(archive.EventCount).toBe(3); // a replay is not archived again
  });

  it('survive a restart, and a torn line', async () => {
    await put(1, 1_000);
    events.destroy();
    await stack.close();
    const folder = join(dir, 'archives', 'all');
    const [day] = await readdir(folder);
    await appendFile(join(folder, day!), '{"version":"0","torn');
    await open();
    await put(2, 2_000);
    await receive('one');
    await start('after');
    await ended('after');
    expect((await receive('one')).map(({ detail }) => detail)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('keep only what their pattern asks for, and only as long as they are told', async () => {
    const EventPattern = JSON.stringify({ detail: { n: [{ numeric: ['>', 1] }] } });
    const made = { ArchiveName: 'some', EventSourceArn: busArn, EventPattern, RetentionDays: 2 };
    const { ArchiveArn, State } = await events.send(new CreateArchiveCommand(made));
    expect([ArchiveArn, State]).toEqual(['arn:aws:events:us-east-1:000000000000:archive/some', 'ENABLED']);
    await expect(events.send(new CreateArchiveCommand(made))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
    });
    await put(1, 0);
    await put(2, 0);
    const describe = new DescribeArchiveCommand({ ArchiveName: 'some' });
    expect(await events.send(describe)).toMatchObject({ EventCount: 1, RetentionDays: 2, EventPattern });
    clock.set(startMs + 3 * 24 * HOUR_MS);
    const later = new EventBridgeClient({
      ...stack.clientOptions(),
      systemClockOffset: clock.nowMs() - Date.now(),
    });
    expect((await later.send(describe)).EventCount).toBe(0);
    await later.send(new UpdateArchiveCommand({ ArchiveName: 'some', RetentionDays: 9 }));
    const { Archives } = await later.send(new ListArchivesCommand({ EventSourceArn: busArn }));
    expect(Archives?.map(({ ArchiveName, RetentionDays }) => [ArchiveName, RetentionDays])).toEqual([
      ['all', 0],
      ['some', 9],
    ]);
    await later.send(new DeleteArchiveCommand({ ArchiveName: 'some' }));
    await expect(later.send(describe)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    later.destroy();
  });

  it('refuse a replay to another bus, one that goes backwards, a name taken, a rule of elsewhere', async () => {
    const Arn = 'arn:aws:events:us-east-1:000000000000:event-bus/default';
    await expect(start('x', { Arn })).rejects.toThrow('Cross event bus replay is not permitted');
    const FilterArns = ['arn:aws:events:us-east-1:000000000000:rule/other'];
    await expect(start('x', { FilterArns })).rejects.toThrow('FilterArns');
    await start('x');
    await expect(start('x')).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
    await ended('x');
    await expect(events.send(new CancelReplayCommand({ ReplayName: 'x' }))).rejects.toMatchObject({
      name: 'IllegalStatusException',
    });
    const { Replays } = await events.send(new ListReplaysCommand({ State: 'COMPLETED' }));
    expect(Replays?.map(({ ReplayName }) => ReplayName)).toEqual(['x']);
  });
});
