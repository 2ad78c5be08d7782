import { S3Error, invalidRequest } from './errors.ts';
import { childrenOf, parseXml, textOf } from './xml.ts';
import type { XmlNode, XmlValue } from './xml.ts';

/** Which pages of other origins may do what. */
export interface CorsRule {
  readonly id?: string;
  /** `*`, or an origin with at most one `*`. */
  readonly allowedOrigins: readonly string[];
  readonly allowedMethods: readonly string[];
  /** Request headers, each with at most one `*`. */
  readonly allowedHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
}

/** Most rules of a bucket. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html */
const MAX_RULES = 100;
const METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);

/**
 * Reads a CORSConfiguration document.
 * @throws {S3Error} MalformedXML, InvalidRequest naming what is wrong
 */
export function readCorsRules(text: string): readonly CorsRule[] {
  const nodes = childrenOf(parseXml(text, 'CORSConfiguration'), 'CORSRule');
  if (nodes.length === 0) throw new S3Error('MalformedXML');
  if (nodes.length > MAX_RULES)
    throw invalidRequest(`The number of CORS rules should not exceed allowed limit of ${MAX_RULES} rules.`);
  return nodes.map((node) => readRule(node));
}

/** The rules as GetBucketCors answers them. */
export function corsRulesXml(rules: readonly CorsRule[]): { readonly [name: string]: XmlValue } {
  return {
    CORSRule: rules.map((rule) => ({
      ID: rule.id,
      AllowedHeader: rule.allowedHeaders,
      AllowedMethod: rule.allowedMethods,
      AllowedOrigin: rule.allowedOrigins,
      ExposeHeader: rule.exposeHeaders,
      MaxAgeSeconds: rule.maxAgeSeconds,
    })),
  };
}

function readRule(node: XmlNode): CorsRule {
  const rule = {
    allowedOrigins: texts(node, 'AllowedOrigin'),
    allowedMethods: texts(node, 'AllowedMethod'),
    allowedHeaders: texts(node, 'AllowedHeader'),
    exposeHeaders: texts(node, 'ExposeHeader'),
  };
  if (rule.allowedOrigins.length === 0 || rule.allowedMethods.length === 0) throw new S3Error('MalformedXML');
  const method = rule.allowedMethods.find((name) => !METHODS.has(name));
  if (method !== undefined)
    throw invalidRequest(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
  for (const [field, values] of [
    ['AllowedOrigin', rule.allowedOrigins],
    ['AllowedHeader', rule.allowedHeaders],
  ] as const) {
    const wild = values.find((value) => value.split('*').length > 2);
    if (wild !== undefined) throw invalidRequest(`${field} "${wild}" can not have more than one wildcard.`);
  }
  const exposed = rule.exposeHeaders.find((name) => name.includes('*'));
  if (exposed !== undefined) {
    throw invalidRequest(
      `ExposeHeader "${exposed}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  const id = textOf(node, 'ID');
  if (id !== undefined && id.length > 255)
    throw invalidRequest('The ID of a CORS rule is at most 255 characters.');
  const maxAge = textOf(node, 'MaxAgeSeconds')?.trim();
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge)) throw new S3Error('MalformedXML');
  return {
    ...rule,
    ...(id === undefined ? {} : { id }),
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Number(maxAge) }),
  };
}

function texts(node: XmlNode, name: string): readonly string[] {
  return childrenOf(node, name).map((child) => {
    if (typeof child !== 'string') throw new S3Error('MalformedXML');
    return child.trim();
  });
}
