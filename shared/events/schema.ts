import * as z from 'zod';
import { MAX_ATTACHMENTS, MAX_OBJECT_BYTES } from '../limits.ts';
import { Secret, SecretUrl } from '../secret.ts';

/** Version of the event's own shape, carried by every event. A new number means old consumers must not read it. */
export const EVENT_VERSION = 1;

/** `source` and `type`, which are EventBridge's Source and DetailType verbatim. */
const busName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -')
  .refine((value) => !/^aws\./i.test(value), 'a name that does not begin with "aws."');

const text = (max: number) => z.string().min(1).max(max);

const instant = z.iso.datetime({ offset: true });

/**
 * A relative path with `/` between its segments. What would leave a directory is refused; what is merely
 * awkward on some file system is left to the consumer, which sanitises.
 */
const attachmentName = text(1024).refine(
  isRelativePath,
  'a relative path without "..", NUL or a leading "/"',
);

function isRelativePath(name: string): boolean {
  if (name.includes('\0') || /^([/\\]|[A-Za-z]:)/.test(name)) return false;
  return name.split(/[/\\]/).every((segment) => segment !== '..' && segment !== '.' && segment !== '');
}

/**
 * Digest of the stored bytes: an RFC 9530 dictionary with a `sha-256` member.
 * @see https://www.rfc-editor.org/rfc/rfc9530#section-2
 */
const digest = z
  .string()
  .max(1024)
  .regex(/(^|,\s*)sha-256=:[A-Za-z0-9+/]{43}=:(,|$)/, 'RFC 9530 text such as sha-256=:BASE64:');

/** What S3 itself holds of the object. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
const checksum = z.looseObject({
  algorithm: z.enum(['CRC32C', 'CRC32', 'CRC64NVME', 'SHA1', 'SHA256']),
  value: text(128),
  type: z.enum(['FULL_OBJECT', 'COMPOSITE']).default('FULL_OBJECT'),
});

/** A presigned GET. The only header it may need is the one that makes S3 send its checksum. */
const access = z.looseObject({
  method: z.literal('GET'),
  url: z
    .url({ protocol: /^https?$/ })
    .max(16_384)
    .transform((url) => new SecretUrl(url)),
  headers: z.strictObject({ 'x-amz-checksum-mode': z.literal('ENABLED').optional() }).optional(),
  issuedAt: instant,
  expiresAt: instant,
});

/** A payload as an event names it. */
export const attachmentSchema = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -'),
  name: attachmentName,
  mediaType: z
    .string()
    .max(255)
    .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;.*)?$/, 'a media type such as application/pdf')
    .default('application/octet-stream'),
  size: z.int().min(0).max(MAX_OBJECT_BYTES),
  digest,
  checksum: checksum.optional(),
  store: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -'),
  key: text(1024),
  versionId: text(1024),
  etag: text(256).optional(),
  access: access.optional(),
  claimCheck: text(8192)
    .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'a compact JWS')
    .transform((jws) => new Secret(jws))
    .optional(),
  retainUntil: instant,
});

/** An attachment's list, as `data.attachments` and as the content of a manifest object. */
export const attachmentListSchema = z
  .array(attachmentSchema)
  .max(MAX_ATTACHMENTS)
  .refine(haveUniqueIds, 'attachments with ids that differ');

function haveUniqueIds(attachments: readonly { id: string }[]): boolean {
  return new Set(attachments.map(({ id }) => id)).size === attachments.length;
}

/** Content of a manifest object: the attachments of an event that would not fit its byte budget. */
export const manifestSchema = z.looseObject({
  waybillversion: z.literal(EVENT_VERSION),
  attachments: attachmentListSchema,
});

/** @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7 */
const uuid7 = z
  .string()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'a UUID of version 7 in lower case (RFC 9562)',
  );

/** All of an event but its data. */
const eventHeadSchema = z.looseObject({
  specversion: z.literal('1.0'),
  waybillversion: z.literal(EVENT_VERSION),
  id: uuid7,
  type: busName,
  source: busName,
  subject: text(1024).optional(),
  time: instant,
  datacontenttype: z.literal('application/json').default('application/json'),
  dataschema: text(2048).optional(),
  /** @see https://www.w3.org/TR/trace-context/#traceparent-header */
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'a W3C traceparent')
    .optional(),
  tracestate: text(512).optional(),
  correlationid: text(256).optional(),
  replayid: text(128).optional(),
  replaycount: z.int().min(1).optional(),
  replayfor: text(128).optional(),
  /** A replay that asks consumers to handle the event once more, though they may have. */
  replayagain: z.boolean().optional(),
});

/**
 * The event: CloudEvents 1.0 in JSON, with extension attributes in lower case.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export const eventSchema = eventHeadSchema.extend({
  data: z.looseObject({ attachments: attachmentListSchema, manifest: attachmentSchema.optional() }),
});

/** An attachment after parsing: secrets are wrapped, defaults filled in. */
export type Attachment = z.output<typeof attachmentSchema>;
/** An attachment as it stands on the wire. */
export type AttachmentInput = z.input<typeof attachmentSchema>;
/** A presigned GET after parsing. */
export type Access = NonNullable<Attachment['access']>;
/** What S3 holds of an object: algorithm, value in Base64, FULL_OBJECT or COMPOSITE. */
export type ObjectChecksum = NonNullable<Attachment['checksum']>;
/** The publisher's own fields beside the attachments. */
export type EventData = Readonly<Record<string, unknown>>;
/** An event after parsing. `Data` is the publisher's own part of `data`. */
export type WaybillEvent<Data extends object = EventData> = z.output<typeof eventHeadSchema> & {
  data: Data & { attachments: Attachment[]; manifest?: Attachment | undefined };
};
/** An event as it stands on the wire. */
export type WaybillEventInput = z.input<typeof eventSchema>;
/** The content of a manifest object after parsing. */
export type Manifest = z.output<typeof manifestSchema>;
