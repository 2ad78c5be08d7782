import { z } from 'zod';
import { MAX_OBJECT_BYTES, MAX_PARTS } from '../../shared/limits.ts';

/** How bytes come in. `put`: one request of exact length; `post`: an HTML form; `multipart`: parts in parallel, resumable. */
export const methodSchema = z.enum(['put', 'post', 'multipart']);
export type UploadMethod = z.output<typeof methodSchema>;

const instant = z.iso.datetime().describe('RFC 3339, UTC');
const base64 = (bytes: number) =>
  z
    .base64()
    .refine((value) => Buffer.from(value, 'base64').byteLength === bytes, `${bytes} bytes in Base64`)
    .describe(`${bytes} bytes in Base64`);

/** `POST /uploads` */
export const openRequestSchema = z
  .strictObject({
    name: z.string().min(1).max(1024).describe('Name for the receiver; may be a relative path.'),
    mediaType: z
      .string()
      .max(255)
      .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;.*)?$/, 'a media type such as image/png')
      .describe('What the file is; its content is compared with it.'),
    size: z.int().min(0).max(MAX_OBJECT_BYTES).describe('Exact length in bytes.'),
    digest: z
      .string()
      .regex(/^sha-256=:[A-Za-z0-9+/]{43}=:$/, 'RFC 9530 text such as sha-256=:BASE64:')
      .optional()
      .describe('SHA-256 of the content, RFC 9530. What comes must have it.'),
    type: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -')
      .describe("The event's type; the policy says which there are."),
    data: z.record(z.string(), z.unknown()).optional().describe("The event's own fields."),
    method: methodSchema.optional().describe('Default: put up to 16 MiB, multipart above.'),
    partChecksums: z
      .boolean()
      .default(false)
      .describe('Multipart: every part is signed with its CRC32C, and S3 compares it.'),
  })
  .meta({ id: 'OpenUpload', title: 'An upload to open' });
export type OpenRequest = z.output<typeof openRequestSchema>;
/** As a client sends it. */
export type OpenRequestInput = z.input<typeof openRequestSchema>;

const signedRequest = z.strictObject({
  method: z.literal('PUT'),
  url: z.url().describe('Secret: whoever has it may upload.'),
  headers: z.record(z.string(), z.string()).describe('To be sent exactly so.'),
  expiresAt: instant,
});

/** Answer of `POST /uploads`. */
export const openedSchema = z
  .strictObject({
    uploadId: z.string(),
    eventId: z.string().describe('UUIDv7 of the event that will name the file.'),
    method: methodSchema,
    expiresAt: instant.describe('Until then the upload must be complete.'),
    put: signedRequest.optional(),
    post: z
      .strictObject({
        url: z.url(),
        fields: z.record(z.string(), z.string()).describe('All of them, before the field `file`.'),
        expiresAt: instant,
      })
      .optional(),
    multipart: z
      .strictObject({
        partSizeBytes: z.int().min(1).describe('Of every part but the last.'),
        partCount: z.int().min(1).max(MAX_PARTS),
      })
      .optional(),
  })
  .meta({ id: 'OpenedUpload', title: 'An upload that is open' });
export type OpenedUpload = z.output<typeof openedSchema>;

/** `POST /uploads/{id}/parts` */
export const signPartsRequestSchema = z
  .strictObject({
    parts: z
      .array(
        z.strictObject({
          partNumber: z.int().min(1).max(MAX_PARTS),
          crc32c: base64(4).optional().describe('Required with partChecksums: S3 compares the part with it.'),
        }),
      )
      .min(1)
      .max(100),
  })
  .meta({ id: 'SignParts', title: 'Parts to sign' });
export type SignPartsRequest = z.output<typeof signPartsRequestSchema>;

export const signedPartsSchema = z
  .strictObject({ parts: z.array(signedRequest.extend({ partNumber: z.int() })) })
  .meta({ id: 'SignedParts', title: 'Parts, signed' });

/** Answer of `GET /uploads/{id}/parts`. */
export const partListSchema = z
  .strictObject({
    partSizeBytes: z.int(),
    partCount: z.int(),
    parts: z.array(z.strictObject({ partNumber: z.int(), size: z.int(), etag: z.string() })),
  })
  .meta({ id: 'PartList', title: 'Parts that are there' });
export type PartList = z.output<typeof partListSchema>;

/** `open` → `accepted` → `published`, or `refused`, or `aborted`. */
export const stateSchema = z.enum(['open', 'accepted', 'published', 'refused', 'aborted']);
export type UploadState = z.output<typeof stateSchema>;

/** Answer of `GET /uploads/{id}`. */
export const statusSchema = z
  .strictObject({
    uploadId: z.string(),
    eventId: z.string(),
    state: stateSchema,
    name: z.string(),
    mediaType: z.string(),
    size: z.int(),
    type: z.string(),
    method: methodSchema,
    createdAt: instant,
    expiresAt: instant,
    digest: z.string().optional().describe('Of what was accepted.'),
    refusal: z
      .strictObject({ code: z.string(), detail: z.string() })
      .optional()
      .describe('Why it was refused; one sentence for a person.'),
  })
  .meta({ id: 'UploadStatus', title: 'What became of an upload' });
export type UploadStatus = z.output<typeof statusSchema>;

/** Answer of `GET /files`. */
export const fileListSchema = z
  .strictObject({ files: z.array(statusSchema), next: z.string().optional().describe('For `?after=`.') })
  .meta({ id: 'FileList', title: "The caller's uploads, newest first" });

/** Answer of `POST /files/{id}/url`. */
export const fileUrlSchema = z
  .strictObject({ url: z.url(), expiresAt: instant })
  .meta({ id: 'FileUrl', title: 'A fresh URL of a file' });

/** `POST /files/{id}/links` */
export const linkRequestSchema = z
  .strictObject({
    expiresInSeconds: z.int().min(60).max(31_536_000).default(604_800).describe('Default: a week.'),
    maxUses: z.int().min(1).max(10_000).default(10).describe('Downloads that it gives.'),
  })
  .meta({ id: 'NewLink', title: 'A link for people' });
export type LinkRequest = z.output<typeof linkRequestSchema>;

export const linkSchema = z
  .strictObject({
    linkId: z.string().describe('Names the link when it is revoked; gives nothing by itself.'),
    url: z.url().describe('Secret: to be mailed. It is shown once.'),
    expiresAt: instant,
    maxUses: z.int(),
  })
  .meta({ id: 'Link', title: 'A link for people, made' });

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
  })
  .meta({ id: 'Problem', title: 'Problem details (RFC 9457)' });
