import { describe, expect, it } from 'vitest';
import { isLeaseLost, isQueueMissing, type Queue } from '../../../../consumers/worker/queue.ts';
import { learnQueue } from '../../../../consumers/worker/start.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { silentLogger } from '../../../../shared/logger.ts';

const ARN = 'arn:aws:sqs:eu-central-1:000000000000:orders';
const never = new AbortController().signal;

function named(name: string, message = name, status = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

function learn(parts: Partial<Queue>, deadLetterQueueUrl?: string, signal = never) {
  const queue = { url: 'http://q', ...parts } as Queue;
  const clock = { ...systemClock, sleep: async () => {} };
  return learnQueue(queue, { deadLetterQueueUrl, clock, random: Math.random }, silentLogger, signal);
}

describe('learnQueue', () => {
  it('finds the dead-letter queue by the redrive policy', async () => {
    const describe = async () => ({ arn: ARN, deadLetterQueueArn: `${ARN}-dlq` });
    const facts = await learn({ describe, urlOf: async (arn) => `http://${arn}` });
    expect(facts).toEqual({ queueId: ARN, deadLetterQueueUrl: `http://${ARN}-dlq` });
  });

  it('prefers the dead-letter queue that it was given', async () => {
    const describe = async () => ({ arn: ARN, deadLetterQueueArn: `${ARN}-dlq` });
    expect(await learn({ describe }, 'http://dlq')).toEqual({
      queueId: ARN,
      deadLetterQueueUrl: 'http://dlq',
    });
  });

  it('goes on without when it may not ask, or the dead-letter queue is gone', async () => {
    const denied = await learn({
      describe: async () => {
        throw named('AccessDenied', 'no', 403);
      },
    });
    expect(denied).toEqual({ queueId: 'http://q', deadLetterQueueUrl: undefined });
    const gone = await learn({
      describe: async () => ({ arn: ARN, deadLetterQueueArn: `${ARN}-dlq` }),
      urlOf: async () => {
        throw named('QueueDoesNotExist');
      },
    });
    expect(gone).toEqual({ queueId: ARN, deadLetterQueueUrl: undefined });
  });

  it('tries again while SQS does not answer', async () => {
    let calls = 0;
    const describe = async () => {
      calls += 1;
      if (calls < 3) throw named('ECONNREFUSED');
      return { arn: ARN, deadLetterQueueArn: undefined };
    };
    expect(await learn({ describe })).toMatchObject({ queueId: ARN });
    expect(calls).toBe(3);
  });

  it('fails when waiting would not help', async () => {
    const failing = (error: Error) =>
      learn({
        describe: async () => {
          throw error;
        },
      });
    await expect(failing(named('QueueDoesNotExist'))).rejects.toThrow('queueUrl: got "http://q", expected');
    await expect(failing(new Error('Region is missing'))).rejects.toThrow('sqs.region: got undefined');
  });

  it('ends with the reason when stopped', async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    const describe = () => Promise.reject(new Error('aborted'));
    await expect(learn({ describe }, undefined, stopped)).rejects.toThrow('stopped');
  });
});

describe('answers of SQS', () => {
  it.each([
    [named('MessageNotInflight'), true],
    [named('ReceiptHandleIsInvalid'), true],
    [
      named(
        'InvalidParameterValue',
        'Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.',
      ),
      true,
    ],
    [named('InvalidParameterValue', 'The receipt handle has expired.'), true],
    [named('InvalidParameterValue', 'Total VisibilityTimeout for the message is beyond the limit'), false],
    [named('RequestThrottled'), false],
    ['text', false],
  ])('%s says that the lease is lost: %s', (error, expected) => {
    expect(isLeaseLost(error)).toBe(expected);
  });

  it('tell a missing queue', () => {
    expect(isQueueMissing(named('QueueDoesNotExist'))).toBe(true);
    expect(isQueueMissing(named('AWS.SimpleQueueService.NonExistentQueue'))).toBe(true);
    expect(isQueueMissing(named('AccessDenied'))).toBe(false);
  });
});
