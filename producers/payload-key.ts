import { show } from '../shared/options.ts';

/** Attachment id of the manifest object; no other attachment may have it. */
export const MANIFEST_ID = 'manifest';

const SEGMENT = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Returns `value` if it can be a segment of a key: a name that is no dot segment, which HTTP clients resolve away.
 * @throws {TypeError} naming the field and the value
 */
export function keySegment(field: string, value: unknown): string {
  if (typeof value === 'string' && SEGMENT.test(value) && value !== '.' && value !== '..') return value;
  throw new TypeError(
    `${field}: got ${show(value)}, expected 1 to 128 characters of A-Z a-z 0-9 . _ - other than "." and ".."`,
  );
}

/** What a payload's key says. */
export interface PayloadKeyParts {
  readonly producer: string;
  readonly type: string;
  readonly eventId: string;
  readonly attachmentId: string;
}

/**
 * Key of a payload: `payloads/<producer>/<type>/<event id>/<attachment id>`, so that IAM can speak of producers and
 * types by prefix, and a key is written once.
 * @throws {TypeError} naming the part that cannot stand in a key
 */
export function payloadKey(parts: PayloadKeyParts): string {
  const { producer, type, eventId, attachmentId } = parts;
  const segments = [
    keySegment('producer', producer),
    keySegment('type', type),
    keySegment('id', eventId),
    keySegment('attachment id', attachmentId),
  ];
  return `payloads/${segments.join('/')}`;
}
