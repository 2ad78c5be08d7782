import type { LocalOptions } from './local-options.ts';
import { createS3Service } from './s3/service.ts';
import { startStack, type LocalStack } from './stack.ts';

/**
 * Starts the local stack: S3 on disk, EventBridge and SQS, on one loopback port, with real signatures.
 *
 * What it does not do answers 501, never a wrong success. It is for development and tests.
 *
 * @throws {TypeError|RangeError} if an option is malformed; the listening error, such as EADDRINUSE.
 * @example
 * await using stack = await startLocal({
 *   buckets: ['inbox'],
 *   queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq' }],
 *   rules: [{ name: 'orders', pattern: { source: ['shop'] }, queue: 'orders' }],
 * });
 * const sqs = new SQSClient(stack.clientOptions());
 */
export async function startLocal(options: LocalOptions = {}): Promise<LocalStack> {
  return await startStack(options, createS3Service);
}
