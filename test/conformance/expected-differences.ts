import type { EndpointKind } from './target.ts';

/** Ids of cases that an endpoint is known not to pass, with the reason. */
export type Differences = Readonly<Record<string, string>>;

/** Reasons, each with the cases that it explains. */
type Reasons = Readonly<Record<string, readonly string[]>>;

/** Where the embedded stack departs from S3 on purpose. */
const local: Reasons = {
  'several services share its port: what is signed for another one is answered by 501': [
    'signing.wrong-service-is-400',
  ],
};

/** Ceph 16.2, as seen; its own documentation tells of few of these. */
const radosgw: Reasons = {
  'sends no Location of a new bucket, no region of a bucket, no x-amz-id-2': [
    'bucket.create.answers-200-with-location',
    'bucket.head.names-the-region',
    'answer.success-has-x-amz-id-2',
  ],
  'creates an existing bucket of the same owner again, as us-east-1 does': [
    'bucket.create.owned-already-is-409',
  ],
  'answers malformed XML with another code': [
    'bucket.create.malformed-body-is-refused',
    'bucket.versioning.malformed-body',
    'bucket.versioning.without-status',
  ],
  'refuses every signature over a header that stands there twice': [
    'put-object.metadata.repeated-header-is-joined',
    'signing.header.repeated',
    'signing.header.repeated-amz',
  ],
  'allows more metadata': ['put-object.metadata.2049-bytes-do-not'],
  'errors have a code, but no message and no further elements': [
    'get-object.missing-key-is-named',
    'get-object.range.416-names-size-and-range',
    'get-object.condition.412-names-the-condition',
    'presigned.expired-says-so',
    'presigned.amz-header-not-signed-is-named',
    'post-form.expired-says-so',
    'signing.mismatch-shows-what-was-calculated',
  ],
  'names the storage class STANDARD, as S3 does not': ['get-object.standard-storage-class-is-not-named'],
  'refuses POST on an object with another code': ['method.post-on-an-object-is-405'],
  'reads malformed, inverted and multiple ranges in its own way': [
    'get-object.range.suffix-zero-is-416',
    'get-object.range.several-ranges-give-the-whole',
    'get-object.range.inverted-gives-the-whole',
    'get-object.range.other-unit-gives-the-whole',
    'get-object.range.not-a-range-gives-the-whole',
  ],
  'ignores If-Range': ['get-object.range.if-range.other-etag-is-200'],
  'ignores partNumber on reads': [
    'get-object.range.part-number-one-of-a-single-upload',
    'get-object.range.part-number-beyond-is-416',
    'get-object.range.with-part-number-is-refused',
    'multipart.two-parts.read-by-part-number',
    'multipart.two-parts.part-number-beyond-is-416',
  ],
  'compares the condition as one text: no "*", no lists': [
    'get-object.condition.if-match.star',
    'get-object.condition.if-match.list',
    'get-object.condition.if-none-match.star-is-304',
  ],
  'sends no etag with 304': ['get-object.condition.304-has-the-etag'],
  'judges conditional writes in its own way, and not in versioned buckets': [
    'put-object.condition.if-none-match.versioned-exists-is-412',
    'put-object.condition.if-none-match.an-etag-is-501',
    'put-object.condition.if-match.same',
    'put-object.condition.if-match.missing-is-404',
  ],
  'ignores conditions and sizes on Complete, Copy and Delete': [
    'put-object.condition.copy.if-none-match.exists-is-412',
    'put-object.condition.delete.if-match.other-is-412',
    'multipart.error.object-size-differs',
    'multipart.condition.if-none-match-exists-is-412',
  ],
  'knows no NoSuchVersion and treats a delete marker as a missing key': [
    'versions.get.id-of-a-removed-version-is-404',
    'versions.get.id-of-another-key-is-404',
    'versions.delete.hidden-says-why',
    'versions.marker.get-by-id-is-405',
    'versions.marker.head-by-id-is-405',
    'copy-object.source.marker-by-id-is-400',
    'tagging.of-a-marker-is-405',
  ],
  'names no version when it is the null version': ['versions.suspended.put-writes-null'],
  'ignores bad listing parameters; key markers are inclusive, next markers come unasked': [
    'list-objects-v2.paging.bad-token-is-refused',
    'list-objects-v2.max-keys.negative-is-refused',
    'list-objects-v2.encoding.unknown-is-refused',
    'list-objects-v1.truncated-without-delimiter-has-no-next-marker',
    'list-versions.key-marker-begins-after-the-key',
    'list-versions.version-marker-alone-is-refused',
  ],
  'answers copies and completions without quoted etag or source version; never replaces tags': [
    'multipart.two-parts.complete-answers-the-etag',
    'copy-object.same-bytes-and-etag',
    'copy-object.tags.replaced',
    'copy-object.version.older-one',
  ],
  'puts the parts in order by itself, and wants all of them': [
    'multipart.parts-left-out-are-not-in-the-object',
    'multipart.error.parts-in-wrong-order',
    'multipart.error.part-named-twice',
    'multipart.error.refused-complete-keeps-the-upload',
  ],
  'answers for unknown uploads with other errors': [
    'multipart.error.complete.unknown-upload',
    'multipart.error.list-parts.unknown-upload',
  ],
  'takes any part number': ['multipart.error.part-number-zero', 'multipart.error.part-number-10001'],
  'does not group uploads by delimiter': ['multipart.list-uploads.prefix-and-delimiter'],
  'answers a copy range beyond the source with 416': ['multipart.copy.range-beyond-source-is-refused'],
  'does not judge the conditions of a copy source': [
    'multipart.copy.source-condition-fails-is-412',
    'copy-object.condition.if-match-fails',
    'copy-object.condition.if-none-match-fails-is-412',
    'copy-object.condition.if-modified-since-fails-is-412',
    'copy-object.condition.if-unmodified-since-fails',
  ],
  'knows no additional checksums: they are neither verified, kept nor answered': [
    'checksum.header.crc32',
    'checksum.header.crc32c',
    'checksum.header.crc64nvme',
    'checksum.header.sha1',
    'checksum.header.sha256',
    'checksum.header.crc32-wrong',
    'checksum.header.crc32c-wrong',
    'checksum.header.crc64nvme-wrong',
    'checksum.header.sha1-wrong',
    'checksum.header.sha256-wrong',
    'checksum.header.malformed-is-InvalidRequest',
    'checksum.header.two-are-refused',
    'checksum.header.announced-but-absent-is-refused',
    'checksum.read.head-with-mode',
    'checksum.read.verified-by-the-sdk',
    'checksum.default-is-crc64nvme',
    'checksum.multipart.full-object.crc32',
    'checksum.multipart.full-object.crc32c',
    'checksum.multipart.full-object.crc64nvme',
    'checksum.multipart.composite.crc32',
    'checksum.multipart.composite.crc32c',
    'checksum.multipart.composite.sha1',
    'checksum.multipart.composite.sha256',
    'checksum.multipart.full-object.sha256-is-refused',
    'checksum.multipart.composite.crc64nvme-is-refused',
    'checksum.multipart.wrong-object-checksum-is-BadDigest',
    'checksum.multipart.part-in-another-algorithm-is-refused',
    'presigned.get.checksum-mode-as-header',
  ],
  'knows no checksum trailers: such a body is refused as a wrong hash or length': [
    'checksum.trailer.crc32',
    'checksum.trailer.crc32c',
    'checksum.trailer.crc64nvme',
    'checksum.trailer.sha1',
    'checksum.trailer.sha256',
    'chunked.signed-trailer',
    'chunked.signed-trailer.checksum-wrong-is-refused',
    'chunked.signed-trailer.signature-wrong-is-403',
    'chunked.unsigned-trailer',
    'chunked.unsigned-trailer.checksum-wrong-is-refused',
    'chunked.unsigned-trailer.cut-short-is-refused',
    'chunked.unsigned-trailer.announced-but-absent-is-refused',
    'chunked.unsigned-trailer.small-chunk-in-the-middle-is-refused',
  ],
  'trusts DeleteObjects bodies: no checksum asked, no empty list or wrong MD5 refused': [
    'delete-objects.without-md5-or-checksum-is-refused',
    'delete-objects.wrong-md5-is-refused',
    'delete-objects.malformed-is-refused',
    'delete-objects.empty-list-is-refused',
    'delete-objects.1001-keys-are-refused',
  ],
  'judges tag sets by other limits': ['tagging.eleven-are-refused', 'tagging.key-twice-is-refused'],
  'has no GetObjectAttributes: it answers with the object itself': [
    'get-object-attributes.etag-without-quotes-size-class',
    'get-object-attributes.only-what-was-asked',
    'get-object-attributes.last-modified-header',
    'get-object-attributes.one-version',
    'get-object-attributes.checksum',
    'get-object-attributes.parts-count',
    'get-object-attributes.unknown-attribute-is-refused',
    'get-object-attributes.no-attributes-is-refused',
  ],
  'answers malformed signing parameters with AccessDenied and 403': [
    'presigned.longer-than-a-week-is-400',
    'presigned.negative-life-is-400',
    'presigned.life-not-a-number-is-400',
    'presigned.wrong-algorithm-is-400',
    'presigned.malformed-credential-is-400',
    'presigned.malformed-date-is-400',
    'presigned.without-date-is-400',
    'presigned.without-life-is-400',
    'presigned.with-authorization-header-is-400',
  ],
  'takes URLs whose date has not come': ['presigned.signed-in-the-future-is-403'],
  'does not judge region, service or date of the credential scope': [
    'presigned.wrong-region-is-400',
    'presigned.wrong-service-is-400',
    'presigned.wrong-credential-date-is-400',
    'signing.wrong-region-is-400',
    'signing.wrong-region-names-the-right-one',
    'signing.wrong-service-is-400',
    'signing.wrong-credential-date-is-400',
  ],
  'does not insist that x-amz- headers are signed': [
    'presigned.amz-header-not-signed-is-403',
    'signing.header.amz-not-signed-is-403',
  ],
  'stores forms without answering an etag or version, and without a file too': [
    'post-form.stores-and-answers-204',
    'post-form.status-201-answers-a-document',
    'post-form.without-file-is-400',
    'post-form.versioned-bucket-answers-with-an-id',
  ],
  "answers any trouble with a form's signature or policy with another code": [
    'post-form.wrong-secret-is-403',
    'post-form.policy-swapped-is-403',
    'post-form.unknown-key-is-403',
    'post-form.policy-not-json-is-400',
  ],
  'answers malformed Authorization headers in its own way': [
    'signing.without-content-sha256-is-400',
    'signing.without-signature-is-400',
    'signing.malformed-credential-is-400',
  ],
  'words broken chunked bodies differently, knows no smallest chunk, refuses an empty body': [
    'chunked.signed.empty',
    'chunked.signed.cut-short-is-refused',
    'chunked.signed.decoded-length-too-large-is-refused',
    'chunked.signed.decoded-length-missing-is-411',
    'chunked.signed.small-chunk-in-the-middle-is-refused',
  ],
  'keeps aws-chunked as the content encoding': [
    'chunked.encoding.aws-chunked-is-not-kept',
    'chunked.encoding.others-are-kept',
  ],
  'has another code for keys that are too long': [
    'key.1025-bytes-are-refused',
    'key.1025-bytes-of-other-characters-are-refused',
  ],
};

/**
 * Known differences, by endpoint and reason. A case listed here that passes fails the run, as does an unlisted one
 * that does not pass.
 */
export const differencesByReason: Readonly<Record<EndpointKind, Reasons>> = { local, radosgw, other: {} };

/** Reason by case. @throws {Error} if a case is listed twice */
export function expectedDifferences(kind: EndpointKind): Differences {
  const found: Record<string, string> = {};
  for (const [reason, ids] of Object.entries(differencesByReason[kind])) {
    for (const id of ids) {
      if (found[id] !== undefined) throw new Error(`${id} is listed twice for ${kind}`);
      found[id] = reason;
    }
  }
  return found;
}
