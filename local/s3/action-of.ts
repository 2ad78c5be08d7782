import type { ContextValues } from '../policy.ts';
import type { Access } from './access.ts';
import { parseCopySource } from './copy-source.ts';
import type { Exchange } from './exchange.ts';
import type { Store } from './store/store.ts';
import { parseTagHeader } from './tags.ts';

/** Finds the accesses that a request needs. */
type Rule = (exchange: Exchange) => readonly Access[];

/**
 * The permissions that each operation needs, where they are not `s3:` and the operation's name.
 *
 * An operation that is judged inside its action, when its body is known, needs nothing here: the form of
 * PostObject, the keys of DeleteObjects, the tags of PutObjectTagging.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
const RULES: Readonly<Record<string, Rule>> = {
  ListBuckets: () => [{ action: 's3:ListAllMyBuckets' }],
  HeadBucket: (exchange) => [onBucket(exchange, 'ListBucket')],
  ListObjects: (exchange) => [onBucket(exchange, 'ListBucket', listingContext(exchange))],
  ListObjectsV2: (exchange) => [onBucket(exchange, 'ListBucket', listingContext(exchange))],
  ListObjectVersions: (exchange) => [onBucket(exchange, 'ListBucketVersions', listingContext(exchange))],
  ListMultipartUploads: (exchange) => [onBucket(exchange, 'ListBucketMultipartUploads')],
  GetBucketCors: (exchange) => [onBucket(exchange, 'GetBucketCORS')],
  PutBucketCors: (exchange) => [onBucket(exchange, 'PutBucketCORS')],
  DeleteBucketCors: (exchange) => [onBucket(exchange, 'PutBucketCORS')],
  GetBucketLifecycleConfiguration: (exchange) => [onBucket(exchange, 'GetLifecycleConfiguration')],
  PutBucketLifecycleConfiguration: (exchange) => [onBucket(exchange, 'PutLifecycleConfiguration')],
  DeleteBucketLifecycle: (exchange) => [onBucket(exchange, 'PutLifecycleConfiguration')],

  GetObject: (exchange) => [onVersion(exchange, 'GetObject')],
  HeadObject: (exchange) => [onVersion(exchange, 'GetObject')],
  GetObjectAttributes: (exchange) => [
    onVersion(exchange, 'GetObject'),
    onVersion(exchange, 'GetObject', 'Attributes'),
  ],
  GetObjectTagging: (exchange) => [onVersion(exchange, 'GetObject', 'Tagging')],
  DeleteObjectTagging: (exchange) => [onVersion(exchange, 'DeleteObject', 'Tagging')],
  PutObjectTagging: () => [],
  DeleteObject: (exchange) => [
    deleteAccess(exchange, exchange.key, exchange.query.get('versionId'), exchange.header('if-match')),
  ],
  DeleteObjects: () => [],

  PutObject: (exchange) => writes(exchange, true),
  PostObject: () => [],
  CopyObject: (exchange) => copies(exchange),
  CreateMultipartUpload: (exchange) => writes(exchange, false),
  UploadPart: (exchange) => writes(exchange, false),
  UploadPartCopy: (exchange) => [copySource(exchange), ...writes(exchange, false)],
  CompleteMultipartUpload: (exchange) => writes(exchange, true),
  ListParts: (exchange) => [onObject(exchange, 'ListMultipartUploadParts')],
  AbortMultipartUpload: (exchange) => [onObject(exchange, 'AbortMultipartUpload')],
};

/** What a request must be allowed, all of it. */
export function accessesOf(exchange: Exchange): readonly Access[] {
  const { operation } = exchange;
  return RULES[operation]?.(exchange) ?? [onBucket(exchange, operation)];
}

/** What a write of tags must be allowed. */
export function putTaggingAccess(exchange: Exchange, tags: Readonly<Record<string, string>>): Access {
  const access = onVersion(exchange, 'PutObject', 'Tagging');
  return { ...access, context: { ...access.context, ...requestTagContext(tags) } };
}

/** What one delete must be allowed. */
export function deleteAccess(
  exchange: Exchange,
  key: string,
  versionId: string | undefined,
  ifMatch?: string,
): Access {
  const common = { bucket: exchange.bucketName, key };
  if (versionId === undefined || versionId === '')
    return { ...common, action: 's3:DeleteObject', context: { 's3:if-match': ifMatch } };
  return { ...common, action: 's3:DeleteObjectVersion', context: { 's3:versionid': versionId } };
}

/** What a form must be allowed: the object, and its tags if it has some. */
export function formAccesses(
  bucket: string,
  key: string,
  tags: Readonly<Record<string, string>>,
): readonly Access[] {
  return withTags(
    { action: 's3:PutObject', bucket, key, context: { 's3:ObjectCreationOperation': 'true' } },
    tags,
  );
}

/** What reading whether an object exists must be allowed. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
export function existenceAccess(exchange: Exchange): Access {
  const source = exchange.header('x-amz-copy-source') === undefined ? undefined : parseCopySource(exchange);
  return { action: 's3:ListBucket', bucket: source?.bucketName ?? exchange.bucketName };
}

function onBucket(exchange: Exchange, name: string, context: ContextValues = {}): Access {
  return { action: `s3:${name}`, bucket: exchange.bucketName, context };
}

function onObject(exchange: Exchange, name: string): Access {
  return { action: `s3:${name}`, bucket: exchange.bucketName, key: exchange.key };
}

/** `GetObject` + `Tagging`, or `GetObjectVersionTagging` if the request names a version. */
function onVersion(exchange: Exchange, verb: string, what: string = ''): Access {
  return versionAccess(exchange, verb, what, {
    bucketName: exchange.bucketName,
    key: exchange.key,
    versionId: exchange.query.get('versionId'),
  });
}

function copySource(exchange: Exchange): Access {
  return versionAccess(exchange, 'GetObject', '', parseCopySource(exchange));
}

/** Tags that a copy takes along are read and written with permissions of their own. */
function copies(exchange: Exchange): readonly Access[] {
  const replaced = exchange.header('x-amz-tagging-directive')?.toUpperCase() === 'REPLACE';
  const source = parseCopySource(exchange);
  const tags = replaced ? {} : tagsOf(exchange.store, source);
  const reads = [copySource(exchange)];
  if (Object.keys(tags).length > 0) reads.push(versionAccess(exchange, 'GetObject', 'Tagging', source));
  return [...reads, ...writes(exchange, true, replaced ? undefined : tags)];
}

/** An object's key, and its version if the request names one. */
interface NamedObject {
  readonly bucketName: string;
  readonly key: string;
  readonly versionId: string | undefined;
}

function tagsOf(store: Store, { bucketName, key, versionId }: NamedObject): Readonly<Record<string, string>> {
  if (!store.hasBucket(bucketName)) return {};
  const bucket = store.bucket(bucketName);
  const record = versionId === undefined ? bucket.current(key) : bucket.version(key, versionId);
  return record?.tags ?? {};
}

function versionAccess({ store }: Exchange, verb: string, what: string, object: NamedObject): Access {
  const { bucketName, key, versionId } = object;
  const tags = Object.entries(tagsOf(store, object));
  return {
    action: `s3:${verb}${versionId === undefined ? '' : 'Version'}${what}`,
    bucket: bucketName,
    key,
    context: {
      's3:versionid': versionId,
      ...Object.fromEntries(tags.map(([name, value]) => [`s3:ExistingObjectTag/${name}`, value])),
    },
  };
}

/** Headers of a write that are condition keys of the same name. */
const WRITE_HEADERS = [
  'x-amz-acl',
  'x-amz-metadata-directive',
  'x-amz-server-side-encryption',
  'x-amz-storage-class',
] as const;

/**
 * @param creates an object comes into being by this request, not a part of one
 * @param tags it gets @default - those of the header
 */
function writes(
  exchange: Exchange,
  creates: boolean,
  tags: Readonly<Record<string, string>> = parseTagHeader(exchange.headerOrHoisted('x-amz-tagging')),
): readonly Access[] {
  const context: Record<string, string | undefined> = {
    's3:ObjectCreationOperation': String(creates),
    's3:if-match': exchange.header('if-match'),
    's3:if-none-match': exchange.header('if-none-match'),
    's3:x-amz-copy-source': exchange.header('x-amz-copy-source')?.replace(/^\//, ''),
  };
  for (const name of WRITE_HEADERS) context[`s3:${name}`] = exchange.headerOrHoisted(name);
  const access = { ...onObject(exchange, 'PutObject'), context };
  return withTags(access, tags);
}

/** Writing tags along with an object is a permission of its own. */
function withTags(access: Access, tags: Readonly<Record<string, string>>): readonly Access[] {
  if (Object.keys(tags).length === 0) return [access];
  const tagContext = requestTagContext(tags);
  return [
    { ...access, context: { ...access.context, ...tagContext } },
    { ...access, action: 's3:PutObjectTagging', context: tagContext },
  ];
}

function requestTagContext(tags: Readonly<Record<string, string>>): ContextValues {
  return {
    's3:RequestObjectTagKeys': Object.keys(tags),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])),
  };
}

function listingContext({ query }: Exchange): ContextValues {
  return {
    's3:prefix': query.get('prefix'),
    's3:delimiter': query.get('delimiter'),
    's3:max-keys': query.get('max-keys'),
  };
}
