import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import type { WorkerStats } from '../../consumers/index.ts';
import { startLocal } from '../../local/index.ts';
import { envelope, orderEvent } from '../integration/consumers/worker-harness.ts';
import type { Sample } from './worker-child.ts';

/** All 200,000 by hand (`npm run test:soak`); CI may ask for fewer. */
const EVENTS = Number(process.env['WAYBILL_SOAK_EVENTS'] ?? 200_000);
const SAMPLES = 40;
/** The queue is kept this full, so that the worker never waits and the stack stays small. */
const BACKLOG = 3_000;
/** By the slope, over all events: 10 bytes an event in the long form. Compiled code and caches are in it. */
const MAX_HEAP_GROWTH_BYTES = 2_000_000;
/** Pages that the allocator keeps come in jumps. */
const MAX_RSS_GROWTH_BYTES = 32_000_000;

it(`holds no more after ${EVENTS} events than after the first tenth`, { timeout: 1_200_000 }, async () => {
  await using stack = await startSoakStack();
  const queueUrl = stack.queueUrl('soak');
  const sqs = new SQSClient(stack.clientOptions());
  const everyEvents = Math.floor(EVENTS / SAMPLES);
  const child = fork(
    fileURLToPath(new URL('worker-child.ts', import.meta.url)),
    [JSON.stringify({ queueUrl, connection: stack.clientOptions(), everyEvents })],
    { execArgv: ['--expose-gc', '--import', 'tsx'], serialization: 'json' },
  );
  const samples: Sample[] = [];
  let stats: WorkerStats | undefined;
  let wake = (): void => {};
  child.on('message', (message: Sample | { stats: WorkerStats }) => {
    if ('stats' in message) ({ stats } = message);
    else samples.push(message);
    wake();
  });
  const handled = (): number => samples.at(-1)?.events ?? 0;
  const told = (): Promise<void> => new Promise((resolve) => (wake = resolve));

  const beganMs = performance.now();
  for (let sent = 0; sent < EVENTS;) {
    while (sent - handled() > BACKLOG + everyEvents) await told();
    const calls = Array.from({ length: Math.min(10, Math.ceil((EVENTS - sent) / 10)) }, async () => {
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: String(index),
        MessageBody: envelope(orderEvent(uuidv7(), [])),
      }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    });
    await Promise.all(calls);
    sent += calls.length * 10;
  }
  while (handled() < everyEvents * SAMPLES) await told();
  const seconds = (performance.now() - beganMs) / 1000;
  const closed = once(child, 'close');
  child.send('stop');
  await closed;
  sqs.destroy();

  const warm = samples.filter(({ events }) => events > EVENTS / 10).slice(0, -1);
  const heap = slope(warm.map(({ events, heapBytes }) => [events, heapBytes]));
  const rss = slope(warm.map(({ events, rssBytes }) => [events, rssBytes]));
  const most = (field: 'listeners' | 'sockets' | 'timers'): number =>
    Math.max(...warm.map((each) => each[field]));
  const last = samples.at(-1);
  // oxlint-disable-next-line no-console -- the measurement is what this test is run for
  console.info(
    `${EVENTS} events in ${seconds.toFixed(0)} s: heap ${heap.toFixed(2)} bytes an event, ` +
      `RSS ${rss.toFixed(2)} bytes an event, at the end ${mib(last?.heapBytes)} heap and ${mib(last?.rssBytes)} RSS; ` +
      `at most ${most('listeners')} listeners, ${most('sockets')} sockets, ${most('timers')} timers`,
  );
  expect(stats).toMatchObject({ succeeded: EVENTS, retried: 0, rejected: 0, leasesLost: 0, inFlight: 0 });
  expect(heap * EVENTS).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  expect(rss * EVENTS).toBeLessThan(MAX_RSS_GROWTH_BYTES);
  expect(most('listeners')).toBeLessThanOrEqual(64);
  expect(most('sockets')).toBeLessThanOrEqual(24);
  expect(most('timers')).toBeLessThanOrEqual(64);
  expect(last).toMatchObject({ listeners: 0 });
});

async function startSoakStack() {
  const stack = await startLocal({ queues: [{ name: 'soak' }] });
  return Object.assign(stack, { [Symbol.asyncDispose]: () => stack.close() });
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const covariance = mean(points.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / mean(points.map(([x]) => (x - meanX) ** 2));
}

const mib = (bytes = 0): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
