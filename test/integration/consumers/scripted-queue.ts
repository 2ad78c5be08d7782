import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { v7 as uuidv7 } from 'uuid';
import { envelope, orderEvent } from './worker-harness.ts';

/** A receive that waits until the test answers it. */
export interface Receive {
  readonly wanted: number;
  readonly waitSeconds: number;
  readonly answer: (messages: number) => void;
}

/** One entry of a batch that a worker sent. */
export interface Entry {
  readonly action: 'ChangeMessageVisibilityBatch' | 'DeleteMessageBatch';
  readonly receiptHandle: string;
}

/** What SQS says of an entry that it did not take. */
export interface EntryFailure {
  readonly Code: string;
  readonly Message: string;
}

interface Script {
  readonly onReceive: (receive: Receive) => void;
  /** @returns why the entry fails; undefined if it does not */
  readonly onEntry?: (entry: Entry) => EntryFailure | undefined | Promise<EntryFailure | undefined>;
}

const servers: Server[] = [];

/** Ends every queue of `startQueue`. */
export function closeQueues(): void {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
}

/**
 * SQS as far as a worker needs it. Message `m-1` has the receipt handle `r-1`, and so on.
 * @returns a worker's options
 */
export async function startQueue({ onReceive, onEntry = () => undefined }: Script): Promise<{
  queueUrl: string;
  stores: Record<string, never>;
  sqs: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
}> {
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

  const batch = async (action: Entry['action'], entries: unknown): Promise<object> => {
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const { Id, ReceiptHandle } of entries as { Id: string; ReceiptHandle: string }[]) {
      const failure = await onEntry({ action, receiptHandle: ReceiptHandle });
      if (failure === undefined) Successful.push({ Id });
      else Failed.push({ Id, SenderFault: false, ...failure });
    }
    return { Successful, Failed };
  };

  const server = createServer((request, response) => {
    void reply();
    async function reply(): Promise<void> {
      const input = JSON.parse(await text(request)) as Record<string, unknown>;
      const action = String(request.headers['x-amz-target']).split('.')[1];
      if (action === 'GetQueueAttributes')
        return say(response, { Attributes: { QueueArn: 'arn:aws:sqs:us-east-1:1:q' } });
      if (action === 'ChangeMessageVisibilityBatch' || action === 'DeleteMessageBatch')
        return say(response, await batch(action, input['Entries']));
      onReceive({
        wanted: Number(input['MaxNumberOfMessages']),
        waitSeconds: Number(input['WaitTimeSeconds']),
        answer: (messages) => say(response, { Messages: Array.from({ length: messages }, message) }),
      });
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    queueUrl: `${endpoint}/1/q`,
    stores: {},
    sqs: { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
  };
}
