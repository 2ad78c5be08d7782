import { afterEach, describe, expect, it } from 'vitest';
import { createWorker } from '../../../consumers/index.ts';
import { closeQueues, startQueue, type Receive } from './scripted-queue.ts';
import { events } from './worker-harness.ts';

afterEach(closeQueues);

describe('the lanes of a worker', () => {
  it('are several while answers are full, never more than there is room for, and one again on an idle queue', async () => {
    const waiting: Receive[] = [];
    let heard = (): void => {};
    const connection = await startQueue({
      onReceive: (receive) => {
        waiting.push(receive);
        heard();
      },
    });
    const until = async (count: number): Promise<void> => {
      while (waiting.length < count) await new Promise<void>((resolve) => (heard = resolve));
    };
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const worker = createWorker({
      ...connection,
      stores: {},
      events,
      handler: async () => await gate,
      concurrency: 25,
    });
    await until(1);
    expect(waiting[0]).toMatchObject({ wanted: 10, waitSeconds: 20 });
    waiting.shift()!.answer(10); // full: a second lane asks beside the first
    await until(2);
    expect(waiting.map(({ wanted }) => wanted).sort((a, b) => b - a)).toEqual([10, 5]);
    expect(waiting.map(({ waitSeconds }) => waitSeconds).sort((a, b) => b - a)).toEqual([20, 1]);
    const [first, further] = waiting.splice(0).sort((a, b) => b.waitSeconds - a.waitSeconds);
    further!.answer(0); // not full: this lane ends
    open();
    first!.answer(3);
    await until(1);
    expect(waiting).toHaveLength(1);
    expect(waiting[0]).toMatchObject({ wanted: 10, waitSeconds: 20 });
    const stopped = worker.stop();
    waiting[0]!.answer(0);
    expect((await stopped).succeeded).toBe(13);
  });
});
