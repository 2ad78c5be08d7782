import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorker } from '../../../consumers/index.ts';
import { envelope, events, orderEvent } from './worker-harness.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Receive {
  readonly wanted: number;
  readonly waitSeconds: number;
  answer(messages: number): void;
}

/** SQS as far as a worker needs it; each receive waits until the test answers it. */
async function startQueue(onReceive: (receive: Receive) => void): Promise<string> {
  let sent = 0;
  const message = (): object => {
    sent += 1;
    const Body = envelope(orderEvent(uuidv7(), []));
    return {
      MessageId: `m-${sent}`,
      ReceiptHandle: `r-${sent}`,
      Body,
      Attributes: { ApproximateReceiveCount: '1' },
    };
  };
  const say = (response: ServerResponse, body: object): void =>
    void response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
  const server = createServer((request, response) => {
    void reply();
    async function reply(): Promise<void> {
      const body = await text(request);
      const input = JSON.parse(body) as Record<string, unknown>;
      const action = String(request.headers['x-amz-target']).split('.')[1];
      if (action === 'GetQueueAttributes')
        return say(response, { Attributes: { QueueArn: 'arn:aws:sqs:us-east-1:1:q' } });
      if (action !== 'ReceiveMessage') {
        const entries = input['Entries'] as { Id: string }[];
        return say(response, { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] });
      }
      onReceive({
        wanted: Number(input['MaxNumberOfMessages']),
        waitSeconds: Number(input['WaitTimeSeconds']),
        answer: (messages) => say(response, { Messages: Array.from({ length: messages }, message) }),
      });
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the lanes of a worker', () => {
  it('are several while answers are full, never more than there is room for, and one again on an idle queue', async () => {
    const waiting: Receive[] = [];
    let heard = (): void => {};
    const endpoint = await startQueue((receive) => {
      waiting.push(receive);
      heard();
    });
    const until = async (count: number): Promise<void> => {
      while (waiting.length < count) await new Promise<void>((resolve) => (heard = resolve));
    };
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const worker = createWorker({
      queueUrl: `${endpoint}/1/q`,
      stores: {},
      events,
      handler: async () => await gate,
      sqs: { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
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
