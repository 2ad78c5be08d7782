import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headers, method, rawPath, rawQuery } from '../../helpers/local-fuzz/arbitraries.ts';
import { expectAnswered, fuzz, startFuzzed } from '../../helpers/local-fuzz/fuzzed-stack.ts';
import type { FuzzedStack } from '../../helpers/local-fuzz/fuzzed-stack.ts';

let stack: FuzzedStack;
beforeAll(async () => {
  stack = await startFuzzed();
  await stack.send({ method: 'PUT', target: '/bucket/seed' }, Buffer.from('0123456789'));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

describe('the embedded stack, asked for nonsense with a good signature', () => {
  it('answers any path with a refusal or gives back under it what was put there, in its directory only', async () => {
    await fuzz('paths', fc.tuple(rawPath, fc.uint8Array({ maxLength: 40 })), async ([target, bytes]) => {
      const put = await stack.send({ method: 'PUT', target }, bytes);
      expectAnswered(put);
      if (put.status === 200 && /^\/(?:bucket|kept)\/./.test(target)) {
        const got = await stack.send({ method: 'GET', target });
        expect([got.status, got.body]).toEqual([200, Buffer.from(bytes).toString('latin1')]);
      }
      for (const verb of ['HEAD', 'DELETE', 'POST'])
        expectAnswered(await stack.send({ method: verb, target }));
    });
    await stack.expectClean();
  });

  it('answers any query', async () => {
    await fuzz(
      'queries',
      fc.tuple(method, fc.constantFrom('/', '/bucket', '/bucket/seed', '/bucket/new', '/kept'), rawQuery),
      async ([verb, path, query]) => {
        expectAnswered(await stack.send({ method: verb, target: `${path}?${query}` }));
      },
      400,
    );
    await stack.expectClean();
  });

  it('answers any headers', async () => {
    await fuzz(
      'headers',
      fc.tuple(
        method,
        fc.constantFrom('/bucket', '/bucket/seed', '/bucket/new', '/kept/new?uploads'),
        headers,
      ),
      async ([verb, target, given]) => {
        expectAnswered(await stack.send({ method: verb, target, headers: given }, Buffer.from('body')));
      },
      400,
    );
    await stack.expectClean();
  });

  it('answers any bytes on its socket, or ends the connection', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        'GET / HTTP/1.1',
        'PUT /bucket/a HTTP/1.1',
        'host: x',
        'host: bucket.localhost',
        'content-length: 5',
        'content-length: -1',
        'transfer-encoding: chunked',
        'x-amz-target: AmazonSQS.',
        'x-amz-target: AWSEvents.PutEvents',
        'expect: 100-continue',
        'upgrade: websocket',
        'connection: upgrade',
        'authorization: AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=;, Signature=',
        'authorization: AWS a:b',
        '',
        '5',
        'abcde',
        '0',
      ),
      fc.string({ maxLength: 40 }),
    );
    await fuzz(
      'sockets',
      fc.array(line, { maxLength: 12 }),
      async (lines) => {
        expectAnswered(await stack.raw(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')));
      },
      100,
    );
    const several = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 16 });
    const run = async (all: Uint8Array[]): Promise<void> => {
      const answers = await Promise.all(all.map(async (bytes) => await stack.raw(Buffer.from(bytes))));
      for (const answer of answers) expectAnswered(answer);
    };
    await fuzz('binary sockets', several, run, 15);
    await stack.expectClean();
    expect((await stack.send({ method: 'PUT', target: '/bucket/last' })).status).toBe(200); // it still lives
  });
});
