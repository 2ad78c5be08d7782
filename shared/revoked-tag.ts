/**
 * Object tag that kills every outstanding URL and claim check of a version: the bucket policy denies reads of what
 * carries it, the URL service answers 410. Any value counts.
 */
export const REVOKED_TAG = 'waybill:revoked';
