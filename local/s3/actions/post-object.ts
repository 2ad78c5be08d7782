import { createHash } from 'node:crypto';
import { uriEncode } from '../../../shared/sigv4-encoding.ts';
import { ANONYMOUS } from '../../caller.ts';
import { requireAccess } from '../access.ts';
import type { Signer } from '../access.ts';
import { formAccesses } from '../action-of.ts';
import { checkKeyLength } from '../address.ts';
import { MAX_SINGLE_UPLOAD_BYTES, badChecksum } from '../body.ts';
import { checksumAlgorithms, checksumHeader, createChecksum } from '../checksum.ts';
import type { ChecksumAlgorithm } from '../checksum.ts';
import { discardOnError } from '../discard.ts';
import { S3Error, invalidArgument, notImplemented } from '../errors.ts';
import { announceObject } from '../exchange.ts';
import type { Exchange } from '../exchange.ts';
import {
  DEFAULT_CONTENT_TYPE,
  STORED_HEADERS,
  checkUserMetadata,
  versionIdHeader,
} from '../object-headers.ts';
import { readForm } from '../post-form.ts';
import type { FormFields, FormFile } from '../post-form.ts';
import { authenticateForm, judgePolicy } from '../post-policy.ts';
import type { LengthRange, PostPolicy } from '../post-policy.ts';
import type { ObjectMetadata, StoredChecksum, VersionRecord } from '../store/records.ts';
import { parseTagHeader } from '../tags.ts';
import { toXml } from '../xml.ts';

/** PostObject: a browser's form, allowed by a signed policy, or to everybody by the bucket's. */
export async function postObject(exchange: Exchange): Promise<void> {
  const record = await readForm(exchange.req, async (fields, file) => await store(exchange, fields, file));
  announceObject(exchange, record.version, 'POST Object');
  answer(exchange, record.fields, record.version);
}

/** A form acts with the rights of whoever signed its policy. */
function signerOf(exchange: Exchange, policy: PostPolicy | undefined): Signer {
  if (policy === undefined) return { caller: ANONYMOUS };
  const { accessKeyId, signedAtMs } = policy;
  return { caller: exchange.callerOf(accessKeyId), signature: { authType: 'POST', signedAtMs } };
}

interface Posted {
  readonly fields: FormFields;
  readonly version: VersionRecord;
}

async function store(exchange: Exchange, given: FormFields, file: FormFile): Promise<Posted> {
  const { bucket, options } = exchange;
  const policy = authenticateForm(given, options, exchange.hasFault('expire-now'));
  const template = given.get('key') ?? '';
  const key = template.replaceAll('${filename}', () => file.name);
  const fields: FormFields = new Map([...given, ['key', key]]);
  // As S3 does, the key is judged with the file's name in its place.
  const range =
    policy === undefined
      ? { min: 0, max: MAX_SINGLE_UPLOAD_BYTES }
      : judgePolicy(policy, new Map([...fields, ['bucket', exchange.bucketName]]), options.clock.nowMs());
  if (key === '') throw invalidArgument("Bucket POST must contain a field named 'key'.", 'key', '');
  checkKeyLength(key);
  checkFields(fields);
  const metadata = formMetadata(fields);
  const signer = signerOf(exchange, policy);
  for (const access of formAccesses(bucket.name, key, metadata.tags)) requireAccess(exchange, access, signer);
  const stored = await receiveFile(exchange, file, range, claimedChecksum(fields));
  const version = await discardOnError(
    exchange.store.blobs,
    [stored.blob],
    async () =>
      await bucket.publish(
        {
          ...metadata,
          key,
          etag: stored.etag,
          sizeBytes: stored.sizeBytes,
          parts: [{ blob: stored.blob, sizeBytes: stored.sizeBytes }],
          ...(stored.checksum === undefined ? {} : { checksum: stored.checksum }),
        },
        () => {},
      ),
  );
  return { fields, version };
}

interface Claim {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

async function receiveFile(
  exchange: Exchange,
  file: FormFile,
  range: LengthRange,
  claim: Claim | undefined,
): Promise<{ blob: string; sizeBytes: number; etag: string; checksum?: StoredChecksum }> {
  const max = Math.min(range.max, MAX_SINGLE_UPLOAD_BYTES);
  const md5 = createHash('md5');
  const checksum = claim === undefined ? undefined : createChecksum(claim.algorithm);
  const writer = await exchange.store.blobs.create();
  let sizeBytes = 0;
  try {
    for await (const chunk of file.stream) {
      sizeBytes += chunk.length;
      if (sizeBytes > max) {
        throw new S3Error('EntityTooLarge', { ProposedSize: String(sizeBytes), MaxSizeAllowed: String(max) });
      }
      md5.update(chunk);
      checksum?.update(chunk);
      await writer.write(chunk);
    }
    if (sizeBytes < range.min) {
      throw new S3Error('EntityTooSmall', {
        ProposedSize: String(sizeBytes),
        MinSizeAllowed: String(range.min),
      });
    }
    const value = checksum?.digest();
    if (claim !== undefined && claim.value !== value) throw badChecksum(claim.algorithm);
    const finished = await writer.finish();
    const etag = md5.digest('hex');
    return claim === undefined
      ? { ...finished, etag }
      : { ...finished, etag, checksum: { ...claim, type: 'FULL_OBJECT' } };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function claimedChecksum(fields: FormFields): Claim | undefined {
  for (const algorithm of checksumAlgorithms) {
    const value = fields.get(checksumHeader(algorithm));
    if (value !== undefined) return { algorithm, value };
  }
  return undefined;
}

/** Fields that ask for what is not done here must not be answered with success. */
function checkFields(fields: FormFields): void {
  const acl = fields.get('acl');
  if (acl !== undefined && acl !== 'private') throw notImplemented(`The form field acl: ${acl}`);
  for (const name of fields.keys()) {
    const asks = /^x-amz-(?:server-side-encryption|object-lock|storage-class|website)/.test(name);
    if (asks) throw notImplemented(`The form field ${name}`);
  }
  if (fields.has('tagging')) throw notImplemented('The form field tagging');
}

function formMetadata(fields: FormFields): ObjectMetadata {
  const headers: Record<string, string> = { 'content-type': DEFAULT_CONTENT_TYPE };
  for (const name of STORED_HEADERS) {
    const value = fields.get(name);
    if (value !== undefined && value !== '') headers[name] = value;
  }
  const user: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (name.startsWith('x-amz-meta-')) user[name.slice('x-amz-meta-'.length)] = value;
  }
  checkUserMetadata(user);
  return { headers, user, tags: parseTagHeader(fields.get('x-amz-tagging')) };
}

function answer(exchange: Exchange, fields: FormFields, record: VersionRecord): void {
  const etag = `"${record.etag}"`;
  const location = `http://${exchange.header('host') ?? 'localhost'}/${exchange.bucketName}/${uriEncode(record.key)}`;
  const headers = { etag, ...versionIdHeader(exchange, record.versionId) };
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect');
  if (redirect !== undefined && URL.canParse(redirect)) {
    const url = new URL(redirect);
    url.searchParams.append('bucket', exchange.bucketName);
    url.searchParams.append('key', record.key);
    url.searchParams.append('etag', etag);
    exchange.sendEmpty(303, { ...headers, location: url.href });
    return;
  }
  const status = fields.get('success_action_status');
  if (status === '201') {
    const xml = toXml('PostResponse', {
      Location: location,
      Bucket: exchange.bucketName,
      Key: record.key,
      ETag: etag,
    });
    const body = Buffer.from(xml);
    exchange.res.writeHead(201, {
      ...headers,
      location,
      'content-type': 'application/xml',
      'content-length': body.length,
    });
    exchange.res.end(body);
    return;
  }
  exchange.sendEmpty(status === '200' ? 200 : 204, { ...headers, location });
}
