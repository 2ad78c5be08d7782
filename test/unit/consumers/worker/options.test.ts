import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { memoryIdempotencyStore } from '../../../../consumers/idempotency/index.ts';
import { createWorker, type WorkerOptions } from '../../../../consumers/worker.ts';
import { resolveWorkerOptions } from '../../../../consumers/worker/options.ts';

const good = {
  queueUrl: 'http://127.0.0.1:1/000000000000/orders',
  stores: { payloads: { bucket: 'payloads', region: 'eu-central-1' } },
  events: { 'order.created': z.object({ orderId: z.string() }) },
  handler: async () => {},
} satisfies WorkerOptions<{ 'order.created': z.ZodType<{ orderId: string }> }>;

describe('worker options', () => {
  it('fills in the defaults', () => {
    const resolved = resolveWorkerOptions(good);
    expect(resolved).toMatchObject({
      concurrency: 4,
      pollWaitSeconds: 20,
      visibilityTimeoutSeconds: 60,
      handlerTimeoutSeconds: 3600,
      stopDeadlineMs: 30_000,
      onUnknownType: 'reject',
      ownsSqs: true,
    });
    expect(resolved.backoff).toMatchObject({ backoffBaseMs: 1000, backoffCapMs: 900_000 });
    resolved.sqs.destroy();
  });

  it.each([
    [{ queueUrl: 'orders' }, 'queueUrl: got "orders", expected an absolute http or https URL'],
    [{ queueUrl: 'https://sqs.example/1/orders.fifo' }, 'expected a standard queue'],
    [{ deadLetterQueueUrl: '' }, 'deadLetterQueueUrl: got ""'],
    [{ stores: { payloads: { bucket: 'X', region: 'r' } } }, 'stores.payloads.bucket'],
    [{ events: {} }, 'events: got an object, expected a schema for at least one event type'],
    [{ events: { a: {} } }, 'events.a: got an object, expected a zod schema'],
    [{ handler: undefined }, 'handler: got undefined, expected a function'],
    [{ onUnknownType: 'drop' }, 'onUnknownType: got "drop", expected "reject" or "ignore"'],
    [{ consumer: '' }, 'consumer: got "", expected a non-empty string'],
    [{ idempotency: {} }, 'idempotency.store: got undefined, expected an IdempotencyStore'],
    [
      { idempotency: { store: memoryIdempotencyStore() } },
      'consumer (idempotency needs it): got undefined, expected a non-empty string',
    ],
    [
      { consumer: 'a', idempotency: { store: memoryIdempotencyStore(), leaseSeconds: 0 } },
      'idempotency.leaseSeconds: got 0, expected an integer from 1 to 43200 s',
    ],
    [{ maxBytesInFlight: 0 }, 'maxBytesInFlight: got 0, expected an integer from 1'],
    [{ concurrency: 0 }, 'concurrency: got 0, expected an integer from 1 to 1000'],
    [{ concurrency: 1001 }, 'concurrency: got 1001'],
    [{ pollWaitSeconds: 21 }, 'pollWaitSeconds: got 21, expected an integer from 0 to 20 s'],
    [
      { visibilityTimeoutSeconds: 9 },
      'visibilityTimeoutSeconds: got 9, expected an integer from 10 to 43200 s',
    ],
    [{ handlerTimeoutSeconds: 41_401 }, 'handlerTimeoutSeconds: got 41401'],
    [{ maxAttachmentBytes: -1 }, 'maxAttachmentBytes: got -1'],
    [{ stopDeadlineMs: -1 }, 'stopDeadlineMs: got -1'],
    [{ backoff: { backoffBaseMs: -1 } }, 'retry.backoffBaseMs: got -1'],
    [{ download: { connections: 33 } }, 'connections: got 33, expected an integer from 1 to 32'],
  ])('refuses %j', (wrong, message) => {
    const options = { ...good, ...wrong } as unknown as WorkerOptions<(typeof good)['events']>;
    expect(() => createWorker(options)).toThrow(message);
  });
});

describe('types', () => {
  it('infers what the handler gets from the schemas, told apart by type', () => {
    const options = {
      ...good,
      events: {
        'order.created': z.object({ orderId: z.string(), total: z.string().transform(Number) }),
        'order.cancelled': z.object({ why: z.enum(['late', 'wrong']) }),
      },
    };
    const typed = (handler: WorkerOptions<(typeof options)['events']>['handler']): unknown => handler;
    typed(async (event, context) => {
      expectTypeOf(event.type).toEqualTypeOf<'order.created' | 'order.cancelled'>();
      expectTypeOf(event.id).toEqualTypeOf<string>();
      expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
      if (event.type === 'order.created') {
        expectTypeOf(event.data.total).toEqualTypeOf<number>();
        // @ts-expect-error -- a field of the other type
        void event.data.why;
      } else {
        expectTypeOf(event.data.why).toEqualTypeOf<'late' | 'wrong'>();
      }
      expectTypeOf(event.data.attachments[0]!.saveTo).toBeFunction();
      expectTypeOf(event.data.attachments[0]!.size).toEqualTypeOf<number>();
    });
    expect(options.events).toBeDefined();
  });

  it('leaves the type open under the key *', () => {
    const any = { '*': z.looseObject({}) };
    const handler: WorkerOptions<typeof any>['handler'] = async (event) => {
      expectTypeOf(event.type).toEqualTypeOf<string>();
    };
    expect(handler).toBeTypeOf('function');
  });
});
