/** Largest S3 object: 10,000 parts of 5 GiB, in bytes (48.8 TiB). @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_OBJECT_BYTES = 10_000 * 5 * 1024 ** 3;

/** Most parts of one multipart upload. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000;

/** Smallest part of a multipart upload but for the last, in bytes. Same source. */
export const MIN_PART_BYTES = 5 * 1024 ** 2;

/** Largest part, in bytes. Same source. */
export const MAX_PART_BYTES = 5 * 1024 ** 3;

/** Longest life of a SigV4 presigned URL, in seconds (7 days). @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
export const MAX_PRESIGN_SECONDS = 604_800;

/** Largest SQS message, in bytes (1 MiB). @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
export const MAX_SQS_MESSAGE_BYTES = 1_048_576;

/** Entries of one PutEvents call. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
export const MAX_PUT_EVENTS_ENTRIES = 10;

/**
 * Default budget of one event on the bus, in bytes. The bus takes 1 MB by now, many targets and older
 * consumers 256 KB; the rest is left for the envelope that EventBridge adds (id, account, region, resources).
 */
export const EVENT_BUDGET_BYTES = 240 * 1024;

/** Most attachments of one event, inline or in its manifest. */
export const MAX_ATTACHMENTS = 10_000;

/** Largest manifest object that is read, in bytes: 10,000 attachments of about 3 KiB. */
export const MAX_MANIFEST_BYTES = 32 * 1024 ** 2;
