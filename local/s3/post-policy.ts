import { checkSessionToken, constantTimeEqual, unknownKey } from '../../shared/sigv4.ts';
import { SIGV4_ALGORITHM, deriveSigningKey, parseAmzDate, signString } from '../../shared/sigv4-encoding.ts';
import { refusalError, secretFinder } from './authenticate.ts';
import { S3Error, invalidArgument } from './errors.ts';
import type { S3ServiceOptions } from './options.ts';
import type { FormFields } from './post-form.ts';

/** A policy whose signature is good. */
export interface PostPolicy {
  readonly expiresAtMs: number;
  readonly conditions: readonly unknown[];
  /** Who signed it, and when. */
  readonly accessKeyId: string;
  readonly signedAtMs: number;
}

/** Sizes a policy allows, in bytes, both inclusive. */
export interface LengthRange {
  readonly min: number;
  readonly max: number;
}

/** Fields that need no condition. @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html */
const EXEMPT =
  /^(?:x-amz-signature|x-amz-algorithm|x-amz-credential|x-amz-date|x-amz-security-token|policy|file|bucket|x-ignore-.*)$/;

/**
 * Verifies the signature of a form's policy.
 * @returns undefined for a form without a policy and a signature, which is anonymous
 * @throws {S3Error} SignatureDoesNotMatch, InvalidAccessKeyId, …
 */
export function authenticateForm(
  fields: FormFields,
  options: S3ServiceOptions,
  expireNow: boolean,
): PostPolicy | undefined {
  const policy = fields.get('policy');
  const signature = fields.get('x-amz-signature');
  if (policy === undefined && signature === undefined) return undefined;
  const required = (name: string): string => {
    const value = fields.get(name);
    if (value !== undefined && value !== '') return value;
    throw invalidArgument(`Bucket POST must contain a field named '${name}'.`, name, '');
  };
  const text = required('policy');
  const algorithm = required('x-amz-algorithm');
  if (algorithm !== SIGV4_ALGORITHM) {
    throw invalidArgument('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"', 'X-Amz-Algorithm', algorithm);
  }
  const credential = required('x-amz-credential');
  const [accessKeyId = '', date = '', region = '', service = '', end] = credential.split('/');
  const amzDate = required('x-amz-date');
  const signedAtMs = parseAmzDate(amzDate);
  const scopeFits = service === 's3' && end === 'aws4_request' && region === options.region;
  if (!scopeFits || signedAtMs === undefined || !amzDate.startsWith(date)) {
    throw invalidArgument(
      'The credential scope or date of the form is malformed',
      'X-Amz-Credential',
      credential,
    );
  }
  const secret = secretFinder(options.identities)(accessKeyId);
  if (secret === undefined) throw refusalError(unknownKey(accessKeyId));
  const signingKey = deriveSigningKey(secret.secretAccessKey, date, region, service);
  if (!constantTimeEqual(signString(signingKey, text), required('x-amz-signature'))) {
    throw new S3Error('SignatureDoesNotMatch', { AWSAccessKeyId: accessKeyId, StringToSign: text });
  }
  const nowMs = options.clock.nowMs();
  const refusal = checkSessionToken(fields.get('x-amz-security-token'), secret, accessKeyId, nowMs);
  if (refusal !== undefined) throw refusalError(refusal);
  const parsed = { ...parsePolicy(text), accessKeyId, signedAtMs };
  return expireNow ? { ...parsed, expiresAtMs: nowMs - 1 } : parsed;
}

/**
 * Judges a form by its policy.
 * @param fields with `bucket`
 * @returns the sizes allowed for the file
 * @throws {S3Error} AccessDenied naming the condition that failed
 */
export function judgePolicy(policy: PostPolicy, fields: FormFields, nowMs: number): LengthRange {
  if (nowMs >= policy.expiresAtMs) throw denied('Policy expired.');
  const covered = new Set<string>();
  let range: LengthRange = { min: 0, max: Number.MAX_SAFE_INTEGER };
  for (const condition of policy.conditions) {
    const length = lengthRange(condition);
    if (length !== undefined) {
      range = { min: Math.max(range.min, length.min), max: Math.min(range.max, length.max) };
      continue;
    }
    for (const { operator, name, value } of matches(condition)) {
      covered.add(name);
      const actual = fields.get(name) ?? '';
      const holds = operator === 'eq' ? actual === value : startsWith(name, actual, value);
      if (!holds) throw denied(`Policy Condition failed: ${JSON.stringify([operator, `$${name}`, value])}`);
    }
  }
  for (const name of fields.keys()) {
    if (!covered.has(name) && !EXEMPT.test(name)) throw denied(`Extra input fields: ${name}`);
  }
  return range;
}

function parsePolicy(text: string): Pick<PostPolicy, 'expiresAtMs' | 'conditions'> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    throw invalidPolicy('Invalid JSON.');
  }
  const { expiration, conditions } = (json ?? {}) as { expiration?: unknown; conditions?: unknown };
  const expiresAtMs = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalidPolicy("Invalid 'expiration' value.");
  if (!Array.isArray(conditions)) throw invalidPolicy('Policy missing conditions.');
  return { expiresAtMs, conditions };
}

interface Match {
  readonly operator: 'eq' | 'starts-with';
  readonly name: string;
  readonly value: string;
}

function matches(condition: unknown): Match[] {
  if (Array.isArray(condition)) {
    const [operator, field, value] = condition as unknown[];
    const name = typeof field === 'string' && field.startsWith('$') ? field.slice(1).toLowerCase() : '';
    const known = operator === 'eq' || operator === 'starts-with';
    if (known && name !== '' && typeof value === 'string' && condition.length === 3) {
      return [{ operator, name, value }];
    }
  } else if (typeof condition === 'object' && condition !== null) {
    return Object.entries(condition).map(([name, value]) => {
      if (typeof value !== 'string') throw invalidPolicy('Invalid Simple-Condition: value must be a string.');
      return { operator: 'eq', name: name.toLowerCase(), value };
    });
  }
  throw invalidPolicy(`Invalid condition: ${JSON.stringify(condition)}`);
}

/** For Content-Type a list is allowed, each item of which must begin so. */
function startsWith(name: string, actual: string, value: string): boolean {
  if (name !== 'content-type') return actual.startsWith(value);
  return actual.split(',').every((item) => item.startsWith(value));
}

function lengthRange(condition: unknown): LengthRange | undefined {
  if (!Array.isArray(condition) || condition[0] !== 'content-length-range') return undefined;
  const [, min, max] = (condition as unknown[]).map(Number);
  if (min === undefined || max === undefined || !(min >= 0 && max >= min) || condition.length !== 3) {
    throw invalidPolicy('Invalid content-length-range.');
  }
  return { min, max };
}

function denied(reason: string): S3Error {
  return new S3Error('AccessDenied', {}, { message: `Invalid according to Policy: ${reason}` });
}

function invalidPolicy(reason: string): S3Error {
  return new S3Error('InvalidPolicyDocument', {}, { message: `Invalid Policy: ${reason}` });
}
