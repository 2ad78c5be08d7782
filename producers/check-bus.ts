import { DescribeEventBusCommand, type EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { awsErrorCode, describeAwsError } from '../shared/aws-failure.ts';
import { withDeadline } from '../shared/deadline.ts';
import { PublishError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';

const TIMEOUT_MS = 10_000;

/**
 * Makes a check that the bus exists, asked once: PutEvents may answer success for a bus that does not, and the events
 * are gone. Who may not ask (`events:DescribeEventBus`), or gets no answer, goes on.
 * @returns a function that throws {PublishError} if there is no such bus
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeEventBus.html
 */
export function createBusCheck(client: EventBridgeClient, bus: string, logger: Logger): () => Promise<void> {
  let asked: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    try {
      await withDeadline('DescribeEventBus', TIMEOUT_MS, undefined, async (abortSignal) => {
        await client.send(new DescribeEventBusCommand({ Name: bus }), { abortSignal });
      });
    } catch (error) {
      if (awsErrorCode(error) === 'ResourceNotFoundException') {
        asked = undefined; // it may be made meanwhile
        throw new PublishError(`event bus ${JSON.stringify(bus)} does not exist`, {
          cause: error,
          details: { bus, errorCode: 'ResourceNotFoundException', permanent: true },
        });
      }
      logger.info({ bus, reason: describeAwsError(error) }, 'cannot check that the bus exists');
    }
  };
  return async () => await (asked ??= ask());
}
