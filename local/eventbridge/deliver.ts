import type { FaultSwitch } from '../faults.ts';
import { MAX_SQS_MESSAGE_BYTES } from '../../shared/limits.ts';
import { AwsError } from '../aws-error.ts';
import { recordsOf } from '../wire.ts';
import { bury } from './bury.ts';
import { requireDelivery } from './delivery-access.ts';
import type { Envelope } from './envelope.ts';
import { InvalidJsonError } from './input-template.ts';
import { retryLater } from './retry-later.ts';
import { ruleArn } from './rule-actions.ts';
import type { Bus, CompiledTarget, Rule } from './state.ts';
import { queueOfArn } from './target-actions.ts';
import type { Failure, Parcel, ShippingContext } from './shipping.ts';

/** Entries of one SQS batch. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const MAX_BATCH_ENTRIES = 10;

/** What a fault rule names to make a delivery fail: service `events`, operation `DeliverToTarget`. */
const FAULT_TARGET = { service: 'events', operation: 'DeliverToTarget', method: 'POST' } as const;

/**
 * Delivers events of one bus to the targets of the rules they match; each target gets them in this order. What a
 * target refuses for good goes to its dead-letter queue at once; what fails otherwise is tried again in the
 * background, as its retry policy says.
 * @param only takes part of the rules; replays name theirs. @default - all rules
 */
export async function deliver(
  bus: Bus,
  events: readonly Envelope[],
  context: ShippingContext,
  only: (rule: Rule) => boolean = () => true,
): Promise<void> {
  const ingestedAtMs = context.clock.nowMs();
  const shipments = new Map<CompiledTarget, Parcel[]>();
  const rules = [...bus.rules.values()].filter(
    (rule) => rule.state === 'ENABLED' && rule.compiledTargets.length > 0 && only(rule),
  );
  for (const event of events) {
    for (const rule of rules) {
      if (!rule.matches(event)) continue;
      for (const target of rule.compiledTargets) {
        const parcels = shipments.get(target) ?? [];
        shipments.set(target, parcels);
        parcels.push({ rule, bus: bus.name, target, event, ingestedAtMs, body: '' });
      }
    }
  }
  await Promise.all([...shipments.values()].map((parcels) => deliverTo(parcels, context)));
}

async function deliverTo(parcels: readonly Parcel[], context: ShippingContext): Promise<void> {
  const written: Parcel[] = [];
  for (const parcel of parcels) {
    const { rule, target, event, ingestedAtMs } = parcel;
    try {
      const about = { ruleArn: ruleArn(context.region, parcel.bus, rule.name), ruleName: rule.name };
      written.push({ ...parcel, body: target.write(event, { ...about, ingestedAtMs }) });
    } catch (error) {
      if (!(error instanceof InvalidJsonError)) throw error;
      await bury(parcel, failure('INVALID_JSON', error.message), context);
    }
  }
  for (const batch of batches(written))
    for (const [parcel, failed] of await ship(batch, context))
      if (failed.retriable) retryLater(parcel, failed, context, shipOne);
      else await bury(parcel, failed, context);
}

async function shipOne(parcel: Parcel, context: ShippingContext): Promise<Failure | undefined> {
  return (await ship([parcel], context)).get(parcel);
}

/** Groups parcels of one target by what one SendMessageBatch takes: 10 entries, 1 MiB. */
function batches(parcels: readonly Parcel[]): readonly (readonly Parcel[])[] {
  const groups: Parcel[][] = [];
  let bytes = Infinity;
  for (const parcel of parcels) {
    const size = Buffer.byteLength(parcel.body);
    const last = groups.at(-1);
    if (last === undefined || last.length === MAX_BATCH_ENTRIES || bytes + size > MAX_SQS_MESSAGE_BYTES) {
      groups.push([parcel]);
      bytes = size;
    } else {
      last.push(parcel);
      bytes += size;
    }
  }
  return groups;
}

/** Sends parcels of one target. @returns those that did not arrive. */
async function ship(
  parcels: readonly Parcel[],
  context: ShippingContext,
): Promise<ReadonlyMap<Parcel, Failure>> {
  const [first] = parcels;
  if (first === undefined) return new Map();
  const { queues, region } = context;
  const { Arn, SqsParameters } = first.target;
  const group = SqsParameters?.MessageGroupId;
  const Entries = parcels.map(({ body }, index) => ({
    Id: String(index),
    MessageBody: body,
    ...(group === undefined ? {} : { MessageGroupId: group }),
  }));
  try {
    throwFault(context.faults);
    requireDelivery(Arn, ruleArn(region, first.bus, first.rule.name), context);
    const QueueUrl = queues.queueUrl(queueOfArn(Arn, region) ?? '');
    const output = await queues.call('SendMessageBatch', { QueueUrl, Entries });
    return new Map(
      recordsOf(output['Failed']).flatMap(({ Id, Message }) => {
        const parcel = parcels[Number(Id)];
        return parcel === undefined ? [] : [[parcel, failure('INVALID_PARAMETER', String(Message))] as const];
      }),
    );
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return new Map(parcels.map((parcel) => [parcel, toFailure(error)]));
  }
}

function throwFault(faults: FaultSwitch): void {
  for (const fault of faults.take(FAULT_TARGET))
    if (fault.kind === 'status')
      throw new AwsError(
        fault.code ?? 'InternalFailure',
        fault.message ?? 'A fault was injected.',
        fault.status,
      );
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
function toFailure({ code, message, status }: AwsError): Failure {
  if (code === 'QueueDoesNotExist') return failure('NO_RESOURCE', message);
  if (status === 403) return failure('NO_PERMISSIONS', message);
  if (status === 429 || /Throttl/i.test(code)) return { code: 'THROTTLING', message, retriable: true };
  if (status >= 500) return { code: 'ERROR_FROM_TARGET', message, retriable: true };
  return failure('INVALID_PARAMETER', message);
}

function failure(code: string, message: string): Failure {
  return { code, message, retriable: false };
}
