import { S3Error, invalidArgument } from './errors.ts';

/*
 * Limits of object tags.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
 */
const MAX_TAGS = 10;
const MAX_TAG_KEY_LENGTH = 128;
const MAX_TAG_VALUE_LENGTH = 256;

/** Reads `x-amz-tagging`, which is written like a query. @throws {S3Error} InvalidArgument, InvalidTag, BadRequest */
export function parseTagHeader(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined || text === '') return {};
  let pairs: [string, string][];
  try {
    pairs = text.split('&').map((pair) => {
      const at = pair.indexOf('=');
      const decode = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
      return at === -1 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
    });
  } catch {
    throw invalidArgument(
      'The header x-amz-tagging shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.',
      'x-amz-tagging',
      text,
    );
  }
  return checkTags(pairs);
}

/** Checks count, lengths and duplicates. @throws {S3Error} InvalidTag, BadRequest */
export function checkTags(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  if (pairs.length > MAX_TAGS) {
    throw new S3Error('BadRequest', {}, { message: 'Object tags cannot be greater than 10' });
  }
  const tags = new Map<string, string>();
  for (const [key, value] of pairs) {
    if (key === '' || key.length > MAX_TAG_KEY_LENGTH) {
      throw new S3Error(
        'InvalidTag',
        { TagKey: key },
        { message: 'The TagKey you have provided is invalid' },
      );
    }
    if (value.length > MAX_TAG_VALUE_LENGTH) {
      const message = 'The TagValue you have provided is invalid';
      throw new S3Error('InvalidTag', { TagKey: key, TagValue: value }, { message });
    }
    if (tags.has(key)) {
      const message = 'Cannot provide multiple Tags with the same key';
      throw new S3Error('InvalidTag', { TagKey: key }, { message });
    }
    tags.set(key, value);
  }
  return Object.fromEntries(tags);
}
