import { readFileSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSqsHandler,
  memoryIdempotencyStore,
  readRejection,
  Reject,
  type LambdaBatchResponse,
  type LambdaSqsEvent,
  type SqsHandler,
  type SqsHandlerOptions,
} from '../../../consumers/index.ts';
import { UrlServiceError } from '../../../shared/errors.ts';
import type { LambdaHook } from '../../../local/index.ts';
import { envelope, events, orderEvent, startHarness, type Harness } from './worker-harness.ts';

let harness: Harness;
const hooks: LambdaHook[] = [];
beforeAll(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  for (const hook of hooks.splice(0)) await hook.stop();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/lambda/sqs-event.json', import.meta.url), 'utf8'),
) as LambdaSqsEvent;
const ample = { getRemainingTimeInMillis: () => 60_000 };

/** A batch as Lambda recorded it, with these bodies. */
function batchOf(...bodies: string[]): LambdaSqsEvent {
  const [record] = fixture.Records;
  return { Records: bodies.map((body, index) => ({ ...record!, messageId: `m-${index}`, body })) };
}

function make(options: Partial<SqsHandlerOptions<typeof events>>): SqsHandler {
  return createSqsHandler({
    stores: harness.stores,
    events,
    handler: async () => {},
    sqs: harness.stack.clientOptions(),
    deadLetterQueueUrl: harness.stack.queueUrl('orders-dlq'),
    ...options,
  });
}

/** Puts the function behind the queue, and tells each answer. */
function feed(handler: SqsHandler): {
  answers: LambdaBatchResponse[];
  until: (count: number) => Promise<void>;
} {
  const answers: LambdaBatchResponse[] = [];
  let heard = (): void => {};
  const hook = harness.stack.onQueue(
    'orders',
    async (event, context) => {
      const answer = await handler(event, context);
      answers.push(answer);
      heard();
      return answer;
    },
    { reportBatchItemFailures: true, visibilityTimeoutSeconds: 1 },
  );
  hooks.push(hook);
  return {
    answers,
    async until(count) {
      while (answers.length < count) await new Promise<void>((resolve) => (heard = resolve));
    },
  };
}

const failures = ({ batchItemFailures }: LambdaBatchResponse): string[] =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);

describe('a function behind a queue', () => {
  it('downloads and handles, and leaves nothing in the queue', async () => {
    const id = uuidv7();
    await harness.send(envelope(orderEvent(id, [await harness.attach(id, Buffer.from('bytes'))])));
    const seen: unknown[] = [];
    const { until } = feed(
      make({
        consumer: 'billing',
        handler: async (event, { receiveCount, envelope: { detailType } }) => {
          const [attachment] = event.data.attachments;
          const text = (await attachment!.bytes({ maxBytes: 10 })).toString();
          seen.push({
            id: event.id,
            text,
            receiveCount,
            attempt: event.deliveryAttempt,
            key: event.idempotencyKey,
            detailType,
          });
        },
      }),
    );
    await until(1);
    await hooks[0]!.stop();
    expect(seen).toEqual([
      {
        id,
        text: 'bytes',
        receiveCount: 1,
        attempt: 1,
        key: `billing/shop/${id}`,
        detailType: 'order.created',
      },
    ]);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('returns what failed, which comes again, and is then handled', async () => {
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    const counts: number[] = [];
    const { answers, until } = feed(
      make({
        handler: async (_event, { receiveCount }) => {
          counts.push(receiveCount);
          if (receiveCount === 1) throw new Error('a database is busy');
        },
      }),
    );
    await until(2);
    await hooks[0]!.stop();
    expect(answers.map((answer) => failures(answer).length)).toEqual([1, 0]);
    expect(counts).toEqual([1, 2]);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });

  it('sends what is rejected to the dead-letter queue, with the reason, and deletes it', async () => {
    const messageId = await harness.send('poison');
    await harness.send(envelope(orderEvent(uuidv7(), [])));
    const { answers, until } = feed(
      make({
        consumer: 'billing',
        handler: async () => {
          throw new Reject('not ours');
        },
      }),
    );
    const [first, second] = await harness.deadLetters(2);
    await until(1);
    await hooks[0]!.stop();
    const rejections = [first, second].map((message) => readRejection(message?.MessageAttributes));
    expect(new Set(rejections.map((rejection) => rejection?.code))).toEqual(
      new Set(['event-parse', 'rejected-by-handler']),
    );
    expect(rejections[0]).toMatchObject({ consumer: 'billing', receiveCount: 1 });
    expect([first?.Body, second?.Body]).toContain('poison');
    expect(answers.flatMap(failures)).not.toContain(messageId);
    expect(await harness.left()).toEqual({ visible: 0, inFlight: 0 });
  });
});

describe('a batch', () => {
  it('fails a rejected message without a dead-letter queue: the redrive policy is then its way', async () => {
    const { deadLetterQueueUrl: _none, ...options } = { deadLetterQueueUrl: undefined };
    const handler = createSqsHandler({ stores: harness.stores, events, handler: async () => {}, ...options });
    expect(failures(await handler(batchOf('poison', envelope(orderEvent(uuidv7(), []))), ample))).toEqual([
      'm-0',
    ]);
  });

  it('fails a rejected message that the dead-letter queue did not take', async () => {
    const handler = make({ deadLetterQueueUrl: `${harness.stack.queueUrl('orders-dlq')}-nowhere` });
    expect(failures(await handler(batchOf('poison'), ample))).toEqual(['m-0']);
  });

  it('is aborted before the invocation ends, and what is unfinished is returned', async () => {
    let left = 0;
    let reason: unknown;
    const handler = make({
      deadlineMarginMs: 500,
      concurrency: 2,
      handler: async (_event, { signal }) => {
        left += 1;
        if (left === 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reason = signal.reason;
        signal.throwIfAborted();
      },
    });
    const batch = batchOf(...[1, 2, 3].map(() => envelope(orderEvent(uuidv7(), []))));
    const answer = await handler(batch, { getRemainingTimeInMillis: () => 900 });
    expect(failures(answer)).toEqual(['m-1', 'm-2']);
    expect(reason).toMatchObject({ code: 'handler-timeout' });
  });

  it('refuses an event that does not fit, before a byte is fetched, with advice', async () => {
    const id = uuidv7();
    const attachment = await harness.attach(id, Buffer.alloc(100));
    const halves = [attachment, { ...attachment, id: 'a2', claimCheck: undefined }].map(
      ({ claimCheck: _claim, ...rest }) => rest,
    );
    let calls = 0;
    const handler = make({ ephemeralStorageBytes: 199, handler: async () => void (calls += 1) });
    const answer = await handler(batchOf(envelope(orderEvent(id, halves))), ample);
    expect(failures(answer)).toEqual([]);
    expect(calls).toBe(0);
    const [letter] = await harness.deadLetters(1);
    const rejection = readRejection(letter?.MessageAttributes);
    expect(rejection?.code).toBe('size-limit');
    expect(rejection?.reason).toMatch(
      /take 200 bytes, the limit is 199 bytes: give the function more ephemeral storage/,
    );
    const roomy = make({ ephemeralStorageBytes: 200, handler: async () => void (calls += 1) });
    expect(failures(await roomy(batchOf(envelope(orderEvent(id, halves))), ample))).toEqual([]);
    expect(calls).toBe(1);
  });

  it('begins nothing more once something that every message needs is broken', async () => {
    let calls = 0;
    const handler = make({
      handler: async () => {
        calls += 1;
        throw new UrlServiceError('the URL service is down');
      },
    });
    const batch = batchOf(...[1, 2, 3, 4].map(() => envelope(orderEvent(uuidv7(), []))));
    expect(failures(await handler(batch, ample))).toEqual(['m-0', 'm-1', 'm-2', 'm-3']);
    expect(calls).toBe(1);
    await handler(batch, ample);
    expect(calls).toBe(2); // the next invocation looks again
  });

  it('handles an event once that two messages bring, also when they bring it in different invocations', async () => {
    let calls = 0;
    const handler = make({
      consumer: 'billing',
      idempotency: { store: memoryIdempotencyStore() },
      handler: async () => void (calls += 1),
    });
    const body = envelope(orderEvent(uuidv7(), []));
    expect(failures(await handler(batchOf(body, body), ample))).toEqual([]);
    expect(failures(await handler(batchOf(body), ample))).toEqual([]);
    expect(calls).toBe(1);
  });

  it('gives the idempotency record of a failed event back at once', async () => {
    let calls = 0;
    const handler = make({
      consumer: 'billing',
      idempotency: { store: memoryIdempotencyStore() },
      handler: async (event) => {
        calls += 1;
        if (event.deliveryAttempt === 3) throw new Error('busy'); // as the recorded batch says
      },
    });
    const body = envelope(orderEvent(uuidv7(), []));
    expect(failures(await handler(batchOf(body), ample))).toEqual(['m-0']);
    expect(failures(await handler(batchOf(body), ample))).toEqual(['m-0']);
    expect(calls).toBe(2);
  });

  it('of no messages is done', async () => {
    expect(await make({})({ Records: [] }, ample)).toEqual({ batchItemFailures: [] });
  });

  it('fails on a source that is no queue', async () => {
    const [record] = fixture.Records;
    const batch = { Records: [{ ...record!, eventSourceARN: 'arn:aws:kinesis:us-east-1:1:stream/x' }] };
    await expect(make({})(batch, ample)).rejects.toThrow(/eventSourceARN: got "arn:aws:kinesis/);
  });
});

describe('createSqsHandler', () => {
  it.each([
    [{ ephemeralStorageBytes: 0 }, /ephemeralStorageBytes: got 0/],
    [{ deadlineMarginMs: 499 }, /deadlineMarginMs: got 499/],
    [{ concurrency: 0 }, /concurrency: got 0/],
    [{ idempotency: { store: memoryIdempotencyStore() } }, /consumer/],
  ])('fails on %j', (options, message) => {
    expect(() => make(options)).toThrow(message);
  });
});
