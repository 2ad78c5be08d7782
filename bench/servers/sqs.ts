/*
 * A queue that is faster than its clients: SQS's JSON protocol over prepared messages, in one process. It hands out
 * each message once, counts deletions, and verifies no signature, so that it is not what is measured.
 * Argument: a file with one message body per line. `POST /-/fill` makes the queue full again, `GET /-/state` tells.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';

const QUEUE_ARN = 'arn:aws:sqs:us-east-1:000000000000:bench';
const HEAD_END = '\r\n\r\n';

/** What the suite asks for after a run. */
export interface QueueState {
  readonly messages: number;
  readonly deleted: number;
  /** Deletions of what was deleted, or never was there. */
  readonly wrong: number;
}

const [file = ''] = process.argv.slice(2);
const bodies = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
const prepared = bodies.map((body, index) => {
  const MD5OfBody = createHash('md5').update(body).digest('hex');
  const Attributes = { ApproximateReceiveCount: '1' };
  return JSON.stringify({
    MessageId: `m-${index}`,
    ReceiptHandle: `r-${index}`,
    MD5OfBody,
    Body: body,
    Attributes,
  });
});
let next = 0;
let deleted = new Set<string>();
let wrong = 0;

function remove(handle: string): void {
  const index = Number(handle.slice(2));
  if (!(index < next) || deleted.has(handle)) wrong += 1;
  else deleted.add(handle);
}

interface Input {
  readonly MaxNumberOfMessages?: number;
  readonly ReceiptHandle?: string;
  readonly Entries?: readonly { readonly Id: string; readonly ReceiptHandle: string }[];
}

/** The answer as JSON text; undefined is an empty long poll, which waits. */
function act(action: string, input: Input): string | undefined {
  const { MaxNumberOfMessages: wanted = 1, ReceiptHandle: handle = '', Entries: entries = [] } = input;
  switch (action) {
    case 'ReceiveMessage': {
      const messages = prepared.slice(next, next + wanted);
      next += messages.length;
      return messages.length === 0 ? undefined : `{"Messages":[${messages.join(',')}]}`;
    }
    case 'DeleteMessage':
      remove(handle);
      return '';
    case 'DeleteMessageBatch':
      for (const entry of entries) remove(entry.ReceiptHandle);
      return JSON.stringify({ Successful: entries.map(({ Id }) => ({ Id })), Failed: [] });
    case 'GetQueueAttributes':
      return JSON.stringify({ Attributes: { QueueArn: QUEUE_ARN } });
    case 'ChangeMessageVisibility':
      return '';
    case 'ChangeMessageVisibilityBatch':
      return JSON.stringify({ Successful: entries.map(({ Id }) => ({ Id })), Failed: [] });
    default:
      throw new Error(`${action}: the bench's queue does not know it`);
  }
}

function control(target: string): string {
  if (target === '/-/fill') {
    next = 0;
    deleted = new Set();
    wrong = 0;
  }
  const state: QueueState = { messages: prepared.length, deleted: deleted.size, wrong };
  return JSON.stringify(state);
}

function answer(socket: Socket, body: string): void {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: 0\r\n`;
  socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** One keep-alive connection; requests come one at a time, their texts are ASCII. */
function serve(socket: Socket): void {
  let pending = '';
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy()); // a client that left
  socket.on('data', (text: string) => {
    pending += text;
    for (;;) {
      const end = pending.indexOf(HEAD_END);
      if (end < 0) return;
      const head = pending.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      const bodyAt = end + HEAD_END.length;
      if (pending.length < bodyAt + length) return;
      const body = pending.slice(bodyAt, bodyAt + length);
      pending = pending.slice(bodyAt + length);
      const target = head.split(' ', 2)[1] ?? '';
      if (target.startsWith('/-/')) {
        answer(socket, control(target));
        continue;
      }
      const action = /\r\nx-amz-target: *AmazonSQS\.(\w+)/i.exec(head)?.[1] ?? '';
      const said = act(action, JSON.parse(body) as Input);
      if (said === undefined) setTimeout(() => answer(socket, '{}'), 1_000);
      else answer(socket, said);
    }
  });
}

const server = createServer(serve);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ endpoint: `http://127.0.0.1:${port}` })}\n`);
process.once('SIGTERM', () => process.exit(0));
