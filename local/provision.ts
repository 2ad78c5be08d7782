import type { EventBridgeService } from './eventbridge/service.ts';
import {
  checkQueue,
  type LocalArchive,
  type LocalBus,
  type LocalQueue,
  type LocalRule,
} from './local-options.ts';
import { show } from '../shared/options.ts';
import type { SqsService } from './sqs.ts';

/** Makes queues, buses and rules by their short descriptions. */
export interface Provisioner {
  /** Makes a queue, or changes it; its dead-letter queue is made if absent. */
  putQueue(queue: LocalQueue): Promise<void>;
  /** Makes a bus, if it is absent, and gives it its policy. */
  putBus(bus: string | LocalBus): Promise<void>;
  /**
   * Puts a rule with one queue as its target.
   * @throws {TypeError} if the bus or a queue does not exist.
   */
  putRule(rule: LocalRule): Promise<void>;
  /**
   * Makes an archive, or changes it.
   * @throws {TypeError} if the bus does not exist.
   */
  putArchive(archive: LocalArchive): Promise<void>;
}

/** Makes the provisioner of a stack. */
export function createProvisioner(sqs: SqsService, events: EventBridgeService): Provisioner {
  const ensureQueue = async (name: string, attributes: Record<string, string>): Promise<void> => {
    const fifo = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {};
    if (!sqs.hasQueue(name)) await sqs.call('CreateQueue', { QueueName: name, Attributes: { ...fifo } });
    if (Object.keys(attributes).length > 0)
      await sqs.call('SetQueueAttributes', { QueueUrl: sqs.queueUrl(name), Attributes: attributes });
  };

  return {
    putQueue: async (queue) => {
      const { name, deadLetterQueue, maxReceiveCount = 20 } = checkQueue(queue);
      if (deadLetterQueue !== undefined) await ensureQueue(deadLetterQueue, {});
      const given: Readonly<Record<string, string | number | undefined>> = {
        VisibilityTimeout: queue.visibilityTimeoutSeconds,
        DelaySeconds: queue.delaySeconds,
        ReceiveMessageWaitTimeSeconds: queue.receiveWaitTimeSeconds,
        MessageRetentionPeriod: queue.retentionSeconds,
        Policy: queue.policy === undefined ? undefined : JSON.stringify(queue.policy),
        RedrivePolicy:
          deadLetterQueue === undefined
            ? undefined
            : JSON.stringify({ deadLetterTargetArn: sqs.queueArn(deadLetterQueue), maxReceiveCount }),
      };
      const attributes = Object.entries(given).filter(([, value]) => value !== undefined);
      await ensureQueue(name, Object.fromEntries(attributes.map(([field, value]) => [field, String(value)])));
    },
    putBus: async (bus) => {
      const { name, policy } = typeof bus === 'string' ? { name: bus } : bus;
      if (!events.hasBus(name)) await events.call('CreateEventBus', { Name: name });
      if (policy !== undefined)
        await events.call('PutPermission', { EventBusName: name, Policy: JSON.stringify(policy) });
    },
    putRule: async ({ bus = 'default', name, pattern, queue, deadLetterQueue, retryPolicy }) => {
      if (!events.hasBus(bus)) throw new TypeError(`rules.bus: got ${show(bus)}, expected a bus that exists`);
      for (const [field, wanted] of Object.entries({ queue, deadLetterQueue }))
        if (wanted !== undefined && !sqs.hasQueue(wanted))
          throw new TypeError(`rules.${field}: got ${show(wanted)}, expected a queue that exists`);
      const rule = { EventBusName: bus, Name: name };
      await events.call('PutRule', { ...rule, EventPattern: JSON.stringify(pattern), State: 'ENABLED' });
      const target = {
        Id: queue,
        Arn: sqs.queueArn(queue),
        ...(deadLetterQueue === undefined
          ? {}
          : { DeadLetterConfig: { Arn: sqs.queueArn(deadLetterQueue) } }),
        ...(retryPolicy === undefined ? {} : { RetryPolicy: retryPolicyOf(retryPolicy) }),
      };
      await events.call('PutTargets', { EventBusName: bus, Rule: name, Targets: [target] });
    },
    putArchive: async ({ name, bus = 'default', pattern, retentionDays = 0 }) => {
      if (!events.hasBus(bus))
        throw new TypeError(`archives.bus: got ${show(bus)}, expected a bus that exists`);
      await events.call(events.hasArchive(name) ? 'UpdateArchive' : 'CreateArchive', {
        ArchiveName: name,
        EventSourceArn: bus,
        RetentionDays: retentionDays,
        ...(pattern === undefined ? {} : { EventPattern: JSON.stringify(pattern) }),
      });
    },
  };
}

/** In EventBridge's words. */
function retryPolicyOf(given: NonNullable<LocalRule['retryPolicy']>): object {
  const { maximumRetryAttempts, maximumEventAgeInSeconds } = given;
  return {
    ...(maximumRetryAttempts === undefined ? {} : { MaximumRetryAttempts: maximumRetryAttempts }),
    ...(maximumEventAgeInSeconds === undefined ? {} : { MaximumEventAgeInSeconds: maximumEventAgeInSeconds }),
  };
}
