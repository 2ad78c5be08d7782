import { EventTooLargeError } from '../shared/errors.ts';
import {
  serialiseEvent,
  type Attachment,
  type SerialisedEvent,
  type WaybillEvent,
} from '../shared/events/index.ts';

/** Room kept for the one attachment that a manifest is, in bytes: claim check, key, digest, dates. */
const MANIFEST_ROOM_BYTES = 3072;

/** Most ARNs in an entry's Resources. Rules match on any of them; more would only eat the budget. */
const MAX_RESOURCES = 10;

/** An event that fits its budget. */
export interface FittedEvent extends SerialisedEvent {
  readonly resources: readonly string[];
}

/**
 * Checks that an event's own fields leave room for its attachments, at least for a manifest.
 * @throws {EventTooLargeError} before anything was uploaded
 */
export function checkSkeletonFits(skeleton: WaybillEvent, budgetBytes: number, attachments: number): void {
  const room = attachments === 0 ? 0 : MANIFEST_ROOM_BYTES;
  serialiseEvent(skeleton, { budgetBytes: budgetBytes - room });
}

/**
 * Serialises an event within its budget. What goes first is the entry's Resources, then `access`.
 * @throws {EventTooLargeError} if it does not fit with either gone
 */
export function fitEvent(
  event: WaybillEvent,
  budgetBytes: number,
  resources: readonly string[],
): FittedEvent {
  const tries = resources.length === 0 ? [resources] : [resources, []];
  let lean: FittedEvent | undefined;
  let tooLarge: unknown;
  for (const used of tries) {
    try {
      const fitted = { ...serialiseEvent(event, { budgetBytes, resources: used }), resources: used };
      if (!fitted.droppedAccess) return fitted;
      lean ??= fitted;
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw error;
      tooLarge = error;
    }
  }
  if (lean !== undefined) return lean;
  throw tooLarge;
}

/**
 * ARNs of the objects, for the entry's Resources.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html#security_iam_service-with-iam-id-based-policies-resources
 */
export function resourceArns(
  attachments: readonly Attachment[],
  { bucket, region }: { readonly bucket: string; readonly region: string },
): string[] {
  return attachments
    .slice(0, MAX_RESOURCES)
    .map(({ key }) => `arn:${partitionOf(region)}:s3:::${bucket}/${key}`);
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
