import { numberInRange } from './options.ts';

/** How long an event may be on its way; all in days, fractions allowed. */
export interface DeliveryTimes {
  /** How long EventBridge tries to deliver. @default 1 @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html */
  readonly busRetryDays?: number;
  /** How long the dead-letter queue of a rule's target keeps an event. @default 14 */
  readonly targetDlqDays?: number;
  /** How long the consumer's queue keeps a message. @default 14 */
  readonly queueDays?: number;
  /** How long the consumer's dead-letter queue keeps a message. @default 14 */
  readonly dlqDays?: number;
  /** How far back events are replayed. @default 30 */
  readonly replayDays?: number;
}

export const deliveryDefaults = {
  busRetryDays: 1,
  targetDlqDays: 14,
  queueDays: 14,
  dlqDays: 14,
  replayDays: 30,
} as const satisfies Required<DeliveryTimes>;

/**
 * Days for which a payload must exist so that its event, on the slowest way that there is, finds it: EventBridge tries
 * to the last, the event lies in the target's dead-letter queue to the last day, then in the consumer's queue, then in
 * its dead-letter queue, and is replayed at the end of the replay window.
 * @returns whole days, rounded up
 * @throws {RangeError} naming the field that is out of range
 * @throws {TypeError} naming a field that there is not
 */
export function minimumRetainDays(times: DeliveryTimes = {}): number {
  for (const field of Object.keys(times))
    if (!Object.hasOwn(deliveryDefaults, field))
      throw new TypeError(
        `delivery.${field}: there is no such field, expected one of ${Object.keys(deliveryDefaults).join(', ')}`,
      );
  const merged = { ...deliveryDefaults, ...times };
  const sum = (Object.keys(deliveryDefaults) as (keyof DeliveryTimes)[]).reduce(
    (days, field) =>
      days +
      numberInRange(`delivery.${field}`, merged[field], {
        min: 0,
        max: 36_500,
        unit: 'days',
        integer: false,
      }),
    0,
  );
  return Math.ceil(sum);
}

/**
 * Days after which a lifecycle rule may expire a payload: `retainUntil` counts from the event's id, which is minted
 * before the upload, and S3 from the object's creation, so that the promise is kept; S3 then rounds up to a midnight.
 * Noncurrent versions must stay as long: payloads are pinned by version, and one that was overwritten on its first day
 * is as much promised as any.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export function lifecycleDays(retainDays: number): number {
  return Math.ceil(numberInRange('retainDays', retainDays, { min: 0, max: 36_500, integer: false }));
}

/**
 * Checks that payloads exist for as long as their events may be on the way.
 * @throws {RangeError} naming the field, what it is, and the sum that it must reach
 */
export function checkRetainDays(field: string, retainDays: number, times: DeliveryTimes): void {
  const minimum = minimumRetainDays(times);
  if (retainDays >= minimum) return;
  const { busRetryDays, targetDlqDays, queueDays, dlqDays, replayDays } = { ...deliveryDefaults, ...times };
  throw new RangeError(
    `${field}: got ${retainDays}, expected at least ${minimum} days: ${busRetryDays} that the bus tries, ` +
      `${targetDlqDays} in the target's dead-letter queue, ${queueDays} in the queue, ${dlqDays} in its dead-letter ` +
      `queue, ${replayDays} of replay`,
  );
}
