import { randomUUID } from 'node:crypto';
import { S3Error, invalidArgument, invalidRequest, notImplemented } from '../errors.ts';
import { checkTags } from '../tags.ts';
import { childrenOf, parseXml, textOf } from '../xml.ts';
import type { XmlNode, XmlValue } from '../xml.ts';
import { isMidnight } from './rules.ts';
import type { LifecycleFilter, LifecycleRule } from './rules.ts';

/** Most rules of a bucket. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html */
const MAX_RULES = 1_000;

/** A rule as it grows while its XML is read. */
type Draft = { -readonly [Name in keyof LifecycleRule]?: LifecycleRule[Name] };

/**
 * Reads a LifecycleConfiguration document.
 * @throws {S3Error} MalformedXML, InvalidRequest, InvalidArgument; NotImplemented for transitions
 */
export function readLifecycleRules(text: string): readonly LifecycleRule[] {
  const nodes = childrenOf(parseXml(text, 'LifecycleConfiguration'), 'Rule');
  if (nodes.length === 0 || nodes.length > MAX_RULES) throw new S3Error('MalformedXML');
  const rules = nodes.map((node) => readRule(node));
  if (new Set(rules.map(({ id }) => id)).size < rules.length)
    throw invalidArgument('Rule ID must be unique. Found same ID for more than one rule', 'ID', '');
  return rules;
}

/** The rules as GetBucketLifecycleConfiguration answers them. */
export function lifecycleRulesXml(rules: readonly LifecycleRule[]): { readonly [name: string]: XmlValue } {
  return { Rule: rules.map((rule) => ruleXml(rule)) };
}

function readRule(node: XmlNode): LifecycleRule {
  for (const name of ['Transition', 'NoncurrentVersionTransition']) {
    if (childrenOf(node, name).length > 0) throw notImplemented(`The lifecycle action ${name}`);
  }
  const id = textOf(node, 'ID') ?? randomUUID();
  if (id.length > 255) throw invalidArgument('ID length should not exceed allowed limit of 255', 'ID', id);
  const status = textOf(node, 'Status')?.trim();
  if (status !== 'Enabled' && status !== 'Disabled') throw new S3Error('MalformedXML');
  const actions = { ...readExpiration(node), ...readNoncurrent(node), ...readAbort(node) };
  if (Object.keys(actions).length === 0)
    throw invalidRequest('At least one action needs to be specified in a rule');
  const rule = { id, enabled: status === 'Enabled', ...readFilter(node), ...actions };
  if (rule.filter.tags !== undefined && rule.abortIncompleteDays !== undefined)
    throw invalidRequest('AbortIncompleteMultipartUpload cannot be specified with Tags.');
  if (rule.filter.tags !== undefined && rule.expiredObjectDeleteMarker !== undefined)
    throw invalidRequest('ExpiredObjectDeleteMarker cannot be specified with Tags.');
  return rule;
}

function readExpiration(node: XmlNode): Draft {
  const [expiration] = childrenOf(node, 'Expiration');
  if (expiration === undefined) return {};
  const days = textOf(expiration, 'Days');
  const date = textOf(expiration, 'Date');
  const marker = textOf(expiration, 'ExpiredObjectDeleteMarker')?.trim();
  if ([days, date, marker].filter((value) => value !== undefined).length !== 1)
    throw new S3Error('MalformedXML');
  if (days !== undefined) return { expirationDays: positive(days, 'Days', 'Expiration') };
  if (marker !== undefined) {
    if (marker !== 'true' && marker !== 'false') throw new S3Error('MalformedXML');
    return { expiredObjectDeleteMarker: marker === 'true' };
  }
  const dateMs = Date.parse(date?.trim() ?? '');
  if (Number.isNaN(dateMs)) throw new S3Error('MalformedXML');
  if (!isMidnight(dateMs)) throw invalidArgument("'Date' must be at midnight GMT", 'Date', date ?? '');
  return { expirationDateMs: dateMs };
}

function readNoncurrent(node: XmlNode): Draft {
  const [expiration] = childrenOf(node, 'NoncurrentVersionExpiration');
  if (expiration === undefined) return {};
  const days = textOf(expiration, 'NoncurrentDays');
  const newer = textOf(expiration, 'NewerNoncurrentVersions');
  if (days === undefined) throw new S3Error('MalformedXML');
  const noncurrentDays = positive(days, 'NoncurrentDays', 'NoncurrentVersionExpiration');
  if (newer === undefined) return { noncurrentDays };
  const count = positive(newer, 'NewerNoncurrentVersions', 'NoncurrentVersionExpiration');
  if (count > 100)
    throw invalidArgument("'NewerNoncurrentVersions' must be at most 100", 'NewerNoncurrentVersions', newer);
  return { noncurrentDays, newerNoncurrentVersions: count };
}

function readAbort(node: XmlNode): Draft {
  const [abort] = childrenOf(node, 'AbortIncompleteMultipartUpload');
  if (abort === undefined) return {};
  const days = textOf(abort, 'DaysAfterInitiation');
  if (days === undefined) throw new S3Error('MalformedXML');
  return { abortIncompleteDays: positive(days, 'DaysAfterInitiation', 'AbortIncompleteMultipartUpload') };
}

function readFilter(node: XmlNode): Pick<LifecycleRule, 'filter' | 'style'> {
  const [filter] = childrenOf(node, 'Filter');
  const prefix = textOf(node, 'Prefix');
  if ((filter === undefined) === (prefix === undefined)) throw new S3Error('MalformedXML');
  if (filter === undefined) return { filter: { prefix: prefix ?? '' }, style: 'prefix' };
  const [and] = childrenOf(filter, 'And');
  const given = readPredicates(and ?? filter);
  const count = Object.keys(given).length + Math.max(0, Object.keys(given.tags ?? {}).length - 1);
  const others = Object.keys(typeof filter === 'string' ? {} : filter).length;
  // One predicate stands by itself, several stand in And
  if (and === undefined ? count > 1 : count < 2 || others > 1) throw new S3Error('MalformedXML');
  const { sizeGreaterThan, sizeLessThan } = given;
  if (sizeGreaterThan !== undefined && sizeLessThan !== undefined && sizeGreaterThan >= sizeLessThan)
    throw invalidRequest("'ObjectSizeGreaterThan' has to be a value smaller than 'ObjectSizeLessThan'");
  return { filter: given, style: 'filter' };
}

function readPredicates(node: XmlNode): LifecycleFilter {
  const prefix = textOf(node, 'Prefix');
  const pairs = childrenOf(node, 'Tag').map((tag) => {
    const [key, value] = [textOf(tag, 'Key'), textOf(tag, 'Value')];
    if (key === undefined || value === undefined) throw new S3Error('MalformedXML');
    return [key, value] as const;
  });
  const greater = textOf(node, 'ObjectSizeGreaterThan');
  const less = textOf(node, 'ObjectSizeLessThan');
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(pairs.length === 0 ? {} : { tags: checkTags(pairs) }),
    ...(greater === undefined ? {} : { sizeGreaterThan: size(greater) }),
    ...(less === undefined ? {} : { sizeLessThan: size(less) }),
  };
}

function positive(text: string, name: string, action: string): number {
  const number = /^\s*\d{1,9}\s*$/.test(text) ? Number(text) : 0;
  if (number >= 1) return number;
  throw invalidArgument(`'${name}' for ${action} action must be a positive integer`, name, text);
}

function size(text: string): number {
  if (!/^\s*\d{1,15}\s*$/.test(text)) throw new S3Error('MalformedXML');
  return Number(text);
}

function ruleXml(rule: LifecycleRule): XmlValue {
  const { filter, expirationDays, expirationDateMs, expiredObjectDeleteMarker, noncurrentDays } = rule;
  const expires = [expirationDays, expirationDateMs, expiredObjectDeleteMarker].some(
    (value) => value !== undefined,
  );
  return {
    ID: rule.id,
    ...(rule.style === 'prefix' ? { Prefix: filter.prefix } : { Filter: filterXml(filter) }),
    Status: rule.enabled ? 'Enabled' : 'Disabled',
    ...(expires
      ? {
          Expiration: {
            Days: expirationDays,
            Date: expirationDateMs === undefined ? undefined : new Date(expirationDateMs).toISOString(),
            ExpiredObjectDeleteMarker: expiredObjectDeleteMarker,
          },
        }
      : {}),
    ...(noncurrentDays === undefined
      ? {}
      : {
          NoncurrentVersionExpiration: {
            NoncurrentDays: noncurrentDays,
            NewerNoncurrentVersions: rule.newerNoncurrentVersions,
          },
        }),
    ...(rule.abortIncompleteDays === undefined
      ? {}
      : { AbortIncompleteMultipartUpload: { DaysAfterInitiation: rule.abortIncompleteDays } }),
  };
}

function filterXml(filter: LifecycleFilter): XmlValue {
  const tags = Object.entries(filter.tags ?? {}).map(([Key, Value]) => ({ Key, Value }));
  const children = {
    Prefix: filter.prefix,
    Tag: tags,
    ObjectSizeGreaterThan: filter.sizeGreaterThan,
    ObjectSizeLessThan: filter.sizeLessThan,
  };
  const given = [filter.prefix, filter.sizeGreaterThan, filter.sizeLessThan].filter(
    (value) => value !== undefined,
  );
  return given.length + tags.length > 1 ? { And: children } : children;
}
