import { requireAccess } from './access.ts';
import { existenceAccess } from './action-of.ts';
import { S3Error } from './errors.ts';
import type { Exchange } from './exchange.ts';

/** Operations whose 404 tells what a bucket holds. */
const READS: ReadonlySet<string> = new Set([
  'GetObject',
  'HeadObject',
  'GetObjectAttributes',
  'GetObjectTagging',
  'CopyObject',
  'UploadPartCopy',
]);

/**
 * Runs a read; who may not list the bucket does not learn from it which objects exist, and gets AccessDenied in
 * the place of NoSuchKey.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export async function hideMissing(exchange: Exchange, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const missing = error instanceof S3Error && /^NoSuch(?:Key|Version)$/.test(error.code);
    if (missing && READS.has(exchange.operation)) requireAccess(exchange, existenceAccess(exchange));
    throw error;
  }
}
