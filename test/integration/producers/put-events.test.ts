import { getEventListeners } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventPutter, type EventPutter } from '../../../producers/index.ts';
import { systemClock } from '../../../shared/clock.ts';
import { PublishError } from '../../../shared/errors.ts';
import { silentLogger } from '../../../shared/logger.ts';

interface Entry {
  readonly DetailType: string;
  readonly Detail: string;
}
interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** EventBridge's JSON protocol, with replies that a test decides. */
class FakeBus {
  readonly calls: string[][] = [];
  readonly targets = new Set<unknown>();
  reply: (entries: readonly Entry[], call: number) => Reply | Promise<Reply> | 'drop' = (entries) =>
    allTaken(entries);
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.targets.add(request.headers['x-amz-target']);
        const { Entries } = JSON.parse(Buffer.concat(chunks).toString()) as { Entries: Entry[] };
        this.calls.push(Entries.map(({ DetailType }) => DetailType));
        void this.#answer(this.reply(Entries, this.calls.length), response);
      });
    });
  }

  async #answer(reply: ReturnType<FakeBus['reply']>, response: ServerResponse): Promise<void> {
    if (reply === 'drop') return void response.destroy();
    const { status, body } = await reply;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const taken = ({ DetailType }: Entry) => ({ EventId: `bus-${DetailType}` });
const allTaken = (entries: readonly Entry[]): Reply => ({
  status: 200,
  body: { FailedEntryCount: 0, Entries: entries.map(taken) },
});
const someFail = (entries: readonly Entry[], codes: Readonly<Record<string, string>>): Reply => ({
  status: 200,
  body: {
    FailedEntryCount: 1,
    Entries: entries.map((entry) => {
      const ErrorCode = codes[entry.DetailType];
      return ErrorCode === undefined ? taken(entry) : { ErrorCode, ErrorMessage: 'because' };
    }),
  },
});

describe('createEventPutter', () => {
  let bus: FakeBus;
  let client: EventBridgeClient;
  let putter: EventPutter;
  beforeEach(async () => {
    bus = new FakeBus();
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    client = new EventBridgeClient({
      region: 'eu-west-1',
      endpoint: await bus.listen(),
      credentials,
      maxAttempts: 1,
    });
    putter = createEventPutter({
      client,
      retry: { maxAttempts: 4, backoffBaseMs: 1, backoffCapMs: 2 },
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
    });
  });
  afterEach(async () => {
    client.destroy();
    await bus.close();
  });

  const put = async (type: string, options: { bytes?: number; signal?: AbortSignal } = {}): Promise<string> =>
    await putter.put(
      {
        eventId: `id-${type}`,
        entry: { EventBusName: 'bus', Source: 's', DetailType: type, Detail: '{}' },
        bytes: options.bytes ?? 100,
      },
      options.signal,
    );

  it('sends one event at once, and gives it its own id', async () => {
    expect(await put('a')).toBe('bus-a');
    expect(bus.calls).toEqual([['a']]);
    expect([...bus.targets]).toEqual(['AWSEvents.PutEvents']);
  });

  it('gathers concurrent events into calls of ten, each with its own outcome', async () => {
    const types = Array.from({ length: 23 }, (_, n) => `t${n}`);
    const ids = await Promise.all(types.map(async (type) => await put(type)));
    expect(ids).toEqual(types.map((type) => `bus-${type}`));
    expect(bus.calls.map(({ length }) => length).sort((a, b) => b - a)).toEqual([10, 10, 3]);
  });

  it('keeps a call below 900 KB', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map(async (type) => await put(type, { bytes: 400_000 })));
    expect(bus.calls.map(({ length }) => length)).toEqual([2, 2]);
  });

  it('gathers what is put while four calls are under way', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    bus.reply = async (entries) => {
      await gate;
      return allTaken(entries);
    };
    const all = Array.from({ length: 40 }, async (_, n) => await put(`first${n}`));
    await expect.poll(() => bus.calls.length).toBe(4);
    for (const type of ['x', 'y', 'z']) {
      all.push(put(type));
      await new Promise(setImmediate);
    }
    expect(bus.calls.length).toBe(4);
    open();
    await Promise.all(all);
    expect(bus.calls[4]).toEqual(['x', 'y', 'z']);
  });

  it('sends only the entries again that failed', async () => {
    bus.reply = (entries, call) =>
      someFail(entries, call <= 2 ? { b: 'ThrottlingException', d: 'InternalException' } : {});
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map(async (type) => await put(type)));
    expect(ids).toEqual(['bus-a', 'bus-b', 'bus-c', 'bus-d']);
    expect(bus.calls[0]).toEqual(['a', 'b', 'c', 'd']);
    const again = bus.calls.slice(1).flat();
    expect(again.filter((type) => type === 'a' || type === 'c')).toEqual([]);
    expect(new Set(again)).toEqual(new Set(['b', 'd']));
  });

  it.each([
    'NotAuthorizedForSourceException',
    'MalformedDetail',
    'ValidationException',
    'AccessDeniedException',
  ])('fails only the publish whose entry was refused with %s, and at once', async (code) => {
    bus.reply = (entries) => someFail(entries, { bad: code });
    const [good, bad] = await Promise.allSettled([put('good'), put('bad')]);
    expect(good).toEqual({ status: 'fulfilled', value: 'bus-good' });
    const error = (bad as PromiseRejectedResult).reason as PublishError;
    expect(error).toBeInstanceOf(PublishError);
    expect(error.message).toBe(`PutEvents of event id-bad was refused with ${code}: because`);
    expect(error.details).toMatchObject({ errorCode: code, permanent: true, eventId: 'id-bad' });
    expect(bus.calls).toEqual([['good', 'bad']]);
  });

  it('sends each alone when a whole call is refused, so that one bad entry fails by itself', async () => {
    bus.reply = (entries) =>
      entries.some(({ DetailType }) => DetailType === 'bad')
        ? { status: 400, body: { __type: 'ValidationException', message: 'no' } }
        : allTaken(entries);
    const results = await Promise.allSettled(['a', 'bad', 'c'].map(async (type) => await put(type)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('tries a whole call again after a 500, a throttle and a lost answer', async () => {
    bus.reply = (entries, call) => {
      if (call === 1) return { status: 500, body: { __type: 'InternalException', message: 'oops' } };
      if (call === 2) return { status: 400, body: { __type: 'ThrottlingException', message: 'slow down' } };
      return call === 3 ? 'drop' : allTaken(entries);
    };
    expect(await put('a')).toBe('bus-a');
    expect(bus.calls).toEqual([['a'], ['a'], ['a'], ['a']]);
  });

  it('fails with a retryable PublishError once its attempts are used up', async () => {
    bus.reply = (entries) => someFail(entries, { a: 'ThrottlingException' });
    const error = (await put('a').catch((error: unknown) => error)) as PublishError;
    expect(error).toBeInstanceOf(PublishError);
    expect(error.disposition).toBe('retry');
    expect(error.message).toContain('failed 4 times, last with ThrottlingException');
    expect(bus.calls.length).toBe(4);
  });

  it('tries again when the answer does not speak of the entry', async () => {
    bus.reply = (entries, call) => (call === 1 ? { status: 200, body: { Entries: [] } } : allTaken(entries));
    expect(await put('a')).toBe('bus-a');
  });

  it('rejects with the reason of the signal during a call, a wait and before, and leaves no listener', async () => {
    const aborted = AbortSignal.abort('before');
    await expect(put('a', { signal: aborted })).rejects.toBe('before');
    expect(bus.calls).toEqual([]);
    const controller = new AbortController();
    bus.reply = () => {
      controller.abort('during');
      return 'drop';
    };
    await expect(put('a', { signal: controller.signal })).rejects.toBe('during');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(bus.calls).toEqual([['a']]);
  });

  it('takes an aborted event out of the queue', async () => {
    const controller = new AbortController();
    const first = put('gone', { signal: controller.signal });
    const second = put('stays');
    controller.abort('changed my mind');
    await expect(first).rejects.toBe('changed my mind');
    expect(await second).toBe('bus-stays');
    expect(bus.calls).toEqual([['stays']]);
  });
});
