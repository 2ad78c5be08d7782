import type { Logger } from '../../shared/logger.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../../shared/limits.ts';
import { AwsError } from '../aws-error.ts';
import { recordsOf } from '../wire.ts';
import { ruleArn } from './rule-actions.ts';
import type { Bus, Rule, Target } from './state.ts';
import type { Envelope } from './envelope.ts';
import { queueOfArn } from './target-actions.ts';

/** Entries of one SQS batch. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const MAX_BATCH_ENTRIES = 10;

/** What delivery needs of SQS. */
export interface QueueSender {
  call(action: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  queueUrl(name: string): string;
}

/** What delivery needs. */
export interface DeliveryContext {
  readonly queues: QueueSender;
  readonly region: string;
  readonly logger: Logger;
}

interface Shipment {
  readonly rule: Rule;
  readonly bus: string;
  readonly target: Target;
  readonly bodies: string[];
}

/**
 * Delivers events of one bus to the targets of the rules they match; each target gets them in this order. What
 * a queue refuses goes to the target's dead-letter queue at once, or is dropped with a warning: the queues are
 * in this process, so there is nothing that a retry would mend.
 */
export async function deliver(
  bus: Bus,
  events: readonly Envelope[],
  context: DeliveryContext,
): Promise<void> {
  const shipments = new Map<Target, Shipment>();
  for (const event of events) {
    let body: string | undefined;
    for (const rule of bus.rules.values()) {
      if (rule.state !== 'ENABLED' || rule.targets.length === 0 || !rule.matches(event)) continue;
      body ??= JSON.stringify(event);
      for (const target of rule.targets) {
        const shipment = shipments.get(target) ?? { rule, bus: bus.name, target, bodies: [] };
        shipment.bodies.push(body);
        shipments.set(target, shipment);
      }
    }
  }
  for (const shipment of shipments.values())
    for (const batch of batches(shipment.bodies)) await ship(shipment, batch, context);
}

/** Groups bodies by what one SendMessageBatch takes: 10 entries, 1 MiB. */
function batches(bodies: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let bytes = Infinity;
  for (const body of bodies) {
    const size = Buffer.byteLength(body);
    const last = groups.at(-1);
    if (last === undefined || last.length === MAX_BATCH_ENTRIES || bytes + size > MAX_SQS_MESSAGE_BYTES) {
      groups.push([body]);
      bytes = size;
    } else {
      last.push(body);
      bytes += size;
    }
  }
  return groups;
}

async function ship(shipment: Shipment, bodies: readonly string[], context: DeliveryContext): Promise<void> {
  const { target } = shipment;
  const group = target.SqsParameters?.MessageGroupId;
  const Entries = bodies.map((MessageBody, index) => ({
    Id: String(index),
    MessageBody,
    ...(group === undefined ? {} : { MessageGroupId: group }),
  }));
  try {
    const QueueUrl = context.queues.queueUrl(queueOfArn(target.Arn, context.region) ?? '');
    const output = await context.queues.call('SendMessageBatch', { QueueUrl, Entries });
    for (const { Id, Code, Message } of recordsOf(output['Failed']))
      await bury(shipment, bodies[Number(Id)] ?? '', String(Code), String(Message), context);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    for (const body of bodies) await bury(shipment, body, error.code, error.message, context);
  }
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
async function bury(
  { rule, bus, target }: Shipment,
  body: string,
  errorCode: string,
  errorMessage: string,
  { queues, region, logger }: DeliveryContext,
): Promise<void> {
  const queue = queueOfArn(target.DeadLetterConfig?.Arn ?? '', region);
  const fields = { rule: rule.name, bus, targetArn: target.Arn, errorCode, errorMessage };
  if (queue === undefined) {
    logger.warn(fields, 'event dropped: its target refused it, and has no dead-letter queue');
    return;
  }
  const attributes = {
    RULE_ARN: ruleArn(region, bus, rule.name),
    TARGET_ARN: target.Arn,
    ERROR_CODE: errorCode,
    ERROR_MESSAGE: errorMessage,
    RETRY_ATTEMPTS: '0',
    EXHAUSTED_RETRY_CONDITION: 'NonRetryable',
  };
  try {
    await queues.call('SendMessage', {
      QueueUrl: queues.queueUrl(queue),
      MessageBody: body,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    });
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    logger.warn({ ...fields, deadLetterQueue: queue }, 'event dropped: its dead-letter queue refused it too');
  }
}
