import { z } from 'zod';
import { redactingLogger, silentLogger, type Logger } from '../../shared/logger.ts';
import type { CreatedObject, IntakeOutcome } from './intake.ts';

/** EventBridge's `Object Created` as a message holds it, as far as it is read. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
const messageSchema = z.object({
  detail: z.object({
    object: z.object({ key: z.string().min(1), 'version-id': z.string().min(1) }),
  }),
});

const eventSchema = z.object({
  Records: z.array(z.object({ messageId: z.string(), body: z.string() })),
});

/** Messages that must come again. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
export interface IntakeBatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/**
 * Makes a handler behind the queue that S3's news go to, with partial batch responses: what fails comes again, and ends
 * in the queue's dead-letter queue when it keeps failing.
 */
export function intakeLambda(
  intake: (created: CreatedObject) => Promise<IntakeOutcome>,
  options: { readonly logger?: Logger } = {},
): (event: unknown) => Promise<IntakeBatchResponse> {
  const logger = redactingLogger(options.logger ?? silentLogger);
  return async (event) => {
    const { Records } = eventSchema.parse(event);
    const failures: { itemIdentifier: string }[] = [];
    for (const { messageId, body } of Records) {
      try {
        const { object } = messageSchema.parse(JSON.parse(body)).detail;
        await intake({ key: object.key, versionId: object['version-id'] });
      } catch (error) {
        logger.error({ messageId, error }, 'an upload was not taken in; its news comes again');
        failures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures: failures };
  };
}
