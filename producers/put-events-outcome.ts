import type { PutEventsCommandOutput } from '@aws-sdk/client-eventbridge';
import { awsErrorCode, describeAwsError, isTransientAwsError } from '../shared/aws-failure.ts';

/** What became of one entry of a PutEvents call. */
export type EntryOutcome =
  | { readonly ok: true; readonly eventBridgeId: string }
  | {
      readonly ok: false;
      /** True if the same entry may be taken later. */
      readonly transient: boolean;
      readonly errorCode: string;
      readonly message: string;
      readonly cause?: unknown;
    };

/**
 * Codes that the same entry will always get: rights, shape, size. What is not known here is tried again; the event
 * keeps its id, so a superfluous attempt does no harm.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
 */
const PERMANENT =
  /^(AccessDenied|NotAuthorized|UnauthorizedOperation|Malformed|Invalid|Validation|ResourceNotFound|.*TooLarge)/;

/** The outcome of entry `index` of a call that was answered. */
export function outcomeOfEntry(answer: PutEventsCommandOutput, index: number): EntryOutcome {
  const entry = answer.Entries?.[index];
  if (entry?.EventId !== undefined && entry.ErrorCode === undefined) {
    return { ok: true, eventBridgeId: entry.EventId };
  }
  const errorCode = entry?.ErrorCode ?? 'NoResult';
  const message = entry?.ErrorMessage ?? 'the answer does not speak of this entry';
  return { ok: false, transient: !PERMANENT.test(errorCode), errorCode, message };
}

/** The outcome that every entry of a failed call shares. */
export function outcomeOfCall(error: unknown): EntryOutcome & { readonly ok: false } {
  return {
    ok: false,
    transient: isTransientAwsError(error),
    errorCode: awsErrorCode(error),
    message: describeAwsError(error),
    cause: error,
  };
}
