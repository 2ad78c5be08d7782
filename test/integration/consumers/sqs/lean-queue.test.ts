import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { createLeanQueue, type LeanQueue } from '../../../../consumers/sqs/lean-queue.ts';
import type { Clock } from '../../../../shared/clock.ts';
import { systemClock } from '../../../../shared/clock.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];
const queues: LeanQueue[] = [];
const clients: SQSClient[] = [];
afterEach(async () => {
  for (const queue of queues.splice(0)) await queue.close();
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

const json =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers }).end(body);
const attributes = json(200, '{"Attributes":{"QueueArn":"arn:aws:sqs:us-east-1:1:q"}}');
const empty = json(200, '{}');

/** A queue whose server answers by this list; the first answer is the one by which the address is learned. */
async function open(
  answers: Answer[],
  clock: Partial<Clock> = {},
  path = '',
): Promise<{ queue: LeanQueue; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const left = [...answers];
  const server = createServer((request, response) => {
    seen.push(request);
    request.resume().on('end', () => {
      const answer = left.shift();
      if (answer === undefined) request.socket.destroy();
      else answer(request, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 'token' };
  const client = new SQSClient({ region: 'eu-central-1', endpoint, credentials, maxAttempts: 1 });
  clients.push(client);
  const options = { clock: { ...systemClock, ...clock }, random: () => 0 };
  const queue = createLeanQueue(client, `${endpoint}/1/q`, options);
  queues.push(queue);
  return { queue, seen };
}

const signal = new AbortController().signal;
const request = { maxMessages: 1, waitSeconds: 0, visibilityTimeoutSeconds: 30 };

describe('the lean queue', () => {
  it('asks by the SDK until it knows the address, then by itself, at the same place and as the same caller', async () => {
    const { queue, seen } = await open([empty, empty], {}, '/prefix');
    await queue.receive(request, signal);
    await queue.receive(request, signal);
    const [bySdk, lean] = seen.map(({ url, headers }) => ({
      url,
      scope: /Credential=([^,]+)/.exec(headers.authorization ?? '')?.[1],
      target: headers['x-amz-target'],
      type: headers['content-type'],
      token: headers['x-amz-security-token'],
      sdk: headers['amz-sdk-invocation-id'] !== undefined,
    }));
    expect(bySdk?.sdk).toBe(true);
    expect(lean).toEqual({ ...bySdk, sdk: false });
    expect(lean?.scope).toMatch(/^AKID\/\d{8}\/eu-central-1\/sqs\/aws4_request$/);
  });

  it('tries again what is the service’s own trouble or a broken connection, three times in all', async () => {
    const busy = json(503, '<html>busy</html>');
    const throttled = json(400, '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}');
    const { queue, seen } = await open([attributes, busy, throttled, empty, busy, busy, busy]);
    await queue.describe(signal);
    expect(await queue.receive(request, signal)).toEqual([]);
    await expect(queue.receive(request, signal)).rejects.toMatchObject({
      name: 'HTTP 503',
      $metadata: { httpStatusCode: 503 },
    });
    await expect(queue.receive(request, signal)).rejects.toThrow(/closed|socket|ECONNRESET/i);
    expect(seen).toHaveLength(1 + 3 + 3 + 3);
  });

  it('does not try again what SQS refuses', async () => {
    const refused = json(400, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}', {
      'x-amzn-requestid': 'r-1',
    });
    const { queue, seen } = await open([attributes, refused]);
    await queue.describe(signal);
    await expect(queue.deleteBatch(['h'], signal)).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
      message: 'gone',
      $metadata: { httpStatusCode: 400, requestId: 'r-1' },
    });
    expect(seen).toHaveLength(2);
  });

  it('corrects its clock by the date of a refusal', async () => {
    const date = 'Wed, 25 Nov 2026 12:00:00 GMT';
    const skewed = json(403, '{"__type":"InvalidSignatureException","message":"Signature expired"}', {
      date,
    });
    const nowMs = (): number => Date.parse(date) - 3_600_000;
    const { queue, seen } = await open([attributes, skewed, empty], { nowMs });
    await queue.describe(signal);
    await expect(queue.receive(request, signal)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    await queue.receive(request, signal);
    expect(seen.slice(1).map(({ headers }) => headers['x-amz-date'])).toEqual([
      '20261125T110000Z',
      '20261125T120000Z',
    ]);
  });

  it('ends a call whose answer was begun and not ended', async () => {
    const halfway: Answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setImmediate(() => response.destroy());
    };
    const { queue } = await open([attributes, halfway, empty]);
    await queue.describe(signal);
    expect(await queue.receive(request, signal)).toEqual([]);
  });
});
