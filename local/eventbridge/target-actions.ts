import { AwsError, notImplemented } from '../aws-error.ts';
import { LOCAL_ACCOUNT_ID } from '../sqs-store.ts';
import { isRecord } from '../wire.ts';
import type { Action } from './bus-actions.ts';
import { busNameOf, objects, optionalText, paginate, requiredText, validation, type Input } from './input.ts';
import { storedRule, type Target } from './state.ts';
import { readTargetInput } from './target-input.ts';

/** Targets of one rule. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const MAX_TARGETS = 5;

/** Fields of targets of other kinds than SQS queues. */
const UNSUPPORTED = [
  'EcsParameters',
  'BatchParameters',
  'HttpParameters',
  'KinesisParameters',
  'RedshiftDataParameters',
  'RunCommandParameters',
  'SageMakerPipelineParameters',
  'AppSyncParameters',
];

/** Actions on targets. */
export const targetActions: Readonly<Record<string, Action>> = {
  PutTargets: async (input, { state, region }) => {
    const busName = busNameOf(input['EventBusName']);
    const rule = storedRule(state.rule(busName, requiredText(input, 'Rule')));
    if (rule.scheduleExpression !== undefined)
      throw notImplemented('targets of scheduled rules; hooks run by their schedule');
    const targets = new Map(rule.targets.map((target) => [target.Id, target]));
    for (const given of objects(input['Targets'])) {
      const target = readTarget(given, region);
      targets.set(target.Id, target);
    }
    if (targets.size > MAX_TARGETS)
      throw new AwsError(
        'LimitExceededException',
        'The requested resource exceeds the maximum number allowed.',
      );
    await state.putRule(busName, { ...rule, targets: [...targets.values()] });
    return { FailedEntryCount: 0, FailedEntries: [] };
  },

  RemoveTargets: async (input, { state }) => {
    const busName = busNameOf(input['EventBusName']);
    const rule = storedRule(state.rule(busName, requiredText(input, 'Rule')));
    const ids: readonly unknown[] = Array.isArray(input['Ids']) ? input['Ids'] : [];
    await state.putRule(busName, { ...rule, targets: rule.targets.filter(({ Id }) => !ids.includes(Id)) });
    const failed = ids
      .filter((id) => !rule.targets.some(({ Id }) => Id === id))
      .map((id) => ({
        TargetId: id,
        ErrorCode: 'ResourceNotFoundException',
        ErrorMessage: `Rule ${rule.name} does not have target ${String(id)}.`,
      }));
    return { FailedEntryCount: failed.length, FailedEntries: failed };
  },

  ListTargetsByRule: (input, { state }) => {
    const { targets } = state.rule(busNameOf(input['EventBusName']), requiredText(input, 'Rule'));
    const { page, more } = paginate(targets, input);
    return { Targets: page, ...more };
  },
};

/** The queue's name, if the ARN is that of a queue of this stack. */
export function queueOfArn(arn: string, region: string): string | undefined {
  const prefix = `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:`;
  return arn.startsWith(prefix) ? arn.slice(prefix.length) : undefined;
}

function readTarget(given: Input, region: string): Target {
  const Arn = requiredText(given, 'Arn');
  if (queueOfArn(Arn, region) === undefined)
    throw notImplemented(
      `the target ${Arn}; only SQS queues of ${region} and account ${LOCAL_ACCOUNT_ID} are`,
    );
  const field = UNSUPPORTED.find((name) => given[name] !== undefined);
  if (field !== undefined) throw notImplemented(`${field} of targets`);
  const RoleArn = optionalText(given, 'RoleArn');
  const { SqsParameters } = given;
  const Id = requiredText(given, 'Id');
  return {
    Id,
    Arn,
    ...readTargetInput(given, Id),
    ...(RoleArn === undefined ? {} : { RoleArn }),
    ...(isRecord(SqsParameters) ? { SqsParameters } : {}),
    ...readDeadLetterConfig(given['DeadLetterConfig'], region),
    ...readRetryPolicy(given['RetryPolicy']),
  };
}

function readDeadLetterConfig(given: unknown, region: string): Pick<Target, 'DeadLetterConfig'> {
  if (!isRecord(given)) return {};
  const Arn = optionalText(given, 'Arn');
  if (Arn === undefined) return { DeadLetterConfig: {} };
  if (queueOfArn(Arn, region) === undefined || Arn.endsWith('.fifo'))
    throw validation(`Parameter DeadLetterConfig.Arn is not valid. Reason: it must name a standard queue.`);
  return { DeadLetterConfig: { Arn } };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html */
function readRetryPolicy(given: unknown): Pick<Target, 'RetryPolicy'> {
  if (!isRecord(given)) return {};
  const within = (field: string, min: number, max: number): Record<string, number> => {
    const value = given[field];
    if (value === undefined || value === null) return {};
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
      return { [field]: value };
    throw validation(
      `1 validation error detected: Value at 'targets.retryPolicy.${field}' failed to satisfy constraint: Member must be between ${min} and ${max}`,
    );
  };
  const RetryPolicy = {
    ...within('MaximumRetryAttempts', 0, 185),
    ...within('MaximumEventAgeInSeconds', 60, 86_400),
  };
  return { RetryPolicy };
}
