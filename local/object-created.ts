import type { ObjectCreatedEvent } from './s3/options.ts';
import { LOCAL_ACCOUNT_ID } from './sqs-store.ts';

/**
 * The event that S3 sends to EventBridge for a new object.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function objectCreatedEvent(created: ObjectCreatedEvent): {
  source: string;
  detailType: string;
  resources: readonly string[];
  detail: object;
  timeMs: number;
} {
  return {
    source: 'aws.s3',
    detailType: 'Object Created',
    resources: [`arn:aws:s3:::${created.bucket}`],
    detail: {
      version: '0',
      bucket: { name: created.bucket },
      object: {
        key: created.key,
        size: created.size,
        etag: created.etag,
        ...(created.versionId === 'null' ? {} : { 'version-id': created.versionId }),
        sequencer: created.sequencer,
      },
      'request-id': created.requestId,
      requester: LOCAL_ACCOUNT_ID,
      'source-ip-address': '127.0.0.1',
      reason: created.reason,
    },
    timeMs: created.atMs,
  };
}
