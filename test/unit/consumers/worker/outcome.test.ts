import { describe, expect, it } from 'vitest';
import {
  HandlerTimeoutError,
  LeaseLostError,
  Reject,
  RetryLater,
  WorkerStoppedError,
} from '../../../../consumers/outcomes.ts';
import { describeError, outcomeOf } from '../../../../consumers/worker/outcome.ts';
import {
  ClaimCheckError,
  TransferError,
  UrlExpiredError,
  UrlServiceError,
} from '../../../../shared/errors.ts';

const running = new AbortController().signal;
const aborted = (reason: Error): AbortSignal => AbortSignal.abort(reason);

describe('outcomeOf', () => {
  it.each([
    ['anything unknown', new Error('x'), running, 'retry'],
    ['a thrown string', 'x', running, 'retry'],
    ['a transient fault', new TransferError('x'), running, 'retry'],
    ['an expired URL without a source of fresh ones', new UrlExpiredError('x'), running, 'retry'],
    ['RetryLater', new RetryLater('x'), running, 'retry'],
    ['Reject', new Reject('x'), running, 'reject'],
    ['a refused claim check', new ClaimCheckError('x'), running, 'reject'],
    ['an outage', new UrlServiceError('x'), running, 'unavailable'],
    ['an abort because the worker stops', new Error('x'), aborted(new WorkerStoppedError('x')), 'release'],
    [
      'a certain rejection while the worker stops',
      new Reject('x'),
      aborted(new WorkerStoppedError('x')),
      'reject',
    ],
    [
      'an outage while the worker stops',
      new UrlServiceError('x'),
      aborted(new WorkerStoppedError('x')),
      'release',
    ],
    ['a handler that took too long', new Error('x'), aborted(new HandlerTimeoutError('x')), 'retry'],
    ['a lost lease', new Error('x'), aborted(new LeaseLostError('x')), 'lost'],
    ['a lost lease, whatever the handler says', new Reject('x'), aborted(new LeaseLostError('x')), 'lost'],
  ])('%s', (_name, error, signal, kind) => {
    expect(outcomeOf(error, signal).kind).toBe(kind);
  });

  it('takes an expired URL for an outage when fresh ones are refused too', () => {
    expect(outcomeOf(new UrlExpiredError('x'), running, true).kind).toBe('unavailable');
    expect(outcomeOf(new TransferError('x'), running, true).kind).toBe('retry');
  });

  it('keeps the delay that RetryLater asks for', () => {
    expect(outcomeOf(new RetryLater('x', { delaySeconds: 7 }), running)).toMatchObject({ delaySeconds: 7 });
  });

  it('refuses a delay that SQS does not take', () => {
    expect(() => new RetryLater('x', { delaySeconds: 43_201 })).toThrow(
      'delaySeconds: got 43201, expected an integer',
    );
  });
});

describe('describeError', () => {
  it('gives code and message without secrets', () => {
    const described = describeError(new Error('GET https://b.example/k?X-Amz-Signature=abc'));
    expect(described).toEqual({ code: 'unexpected', reason: 'GET https://b.example/k?[redacted]' });
    expect(describeError(new Reject('no')).code).toBe('rejected-by-handler');
    expect(describeError('text')).toEqual({ code: 'unexpected', reason: 'text' });
  });
});
