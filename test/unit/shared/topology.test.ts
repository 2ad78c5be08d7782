import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../local/eventbridge/pattern.ts';
import { topologySeed } from '../../../shared/topology-seed.ts';
import {
  archivePattern,
  consumerNames,
  consumerRulePattern,
  exchangeNames,
  resolveTopology,
  type TopologyInput,
} from '../../../shared/topology.ts';

const event = (type: string, detail: object = {}) => ({ source: 'shop', 'detail-type': type, detail });

describe('consumerRulePattern', () => {
  it('lets events of its types pass, and of replays those for nobody in particular or for itself', () => {
    const matches = compilePattern(
      consumerRulePattern({ name: 'archive', types: ['scan.made', 'scan.gone'] }),
    );
    expect(matches(event('scan.made'))).toBe(true);
    expect(matches(event('scan.gone', { replayid: 'r' }))).toBe(true);
    expect(matches(event('scan.made', { replayid: 'r', replayfor: 'archive' }))).toBe(true);
    expect(matches(event('scan.made', { replayid: 'r', replayfor: 'billing' }))).toBe(false);
    expect(matches(event('order'))).toBe(false);
  });

  it.each([undefined, '*' as const])('takes all types if it says %s', (types) => {
    const matches = compilePattern(consumerRulePattern({ name: 'all', types }));
    expect(matches(event('anything'))).toBe(true);
    expect(matches(event('anything', { replayfor: 'other' }))).toBe(false);
  });

  it("keeps the consumer's own pattern, its detail and its $or", () => {
    const matches = compilePattern(
      consumerRulePattern({
        name: 'night',
        pattern: {
          source: ['shop'],
          detail: {
            $or: [{ type: [{ prefix: 'scan.' }] }, { subject: ['night'] }],
            correlationid: [{ exists: true }],
          },
        },
      }),
    );
    expect(matches(event('x', { type: 'scan.made', correlationid: 'c' }))).toBe(true);
    expect(matches(event('x', { subject: 'night', correlationid: 'c', replayfor: 'night' }))).toBe(true);
    expect(matches(event('x', { type: 'scan.made' }))).toBe(false);
    expect(matches(event('x', { type: 'scan.made', correlationid: 'c', replayfor: 'day' }))).toBe(false);
    expect(matches({ ...event('x', { subject: 'night', correlationid: 'c' }), source: 'bank' })).toBe(false);
  });
});

it('archives events once, not their replays', () => {
  const matches = compilePattern(archivePattern);
  expect(matches(event('scan.made'))).toBe(true);
  expect(matches(event('scan.made', { replayid: 'r' }))).toBe(false);
});

describe('resolveTopology', () => {
  it('fills in the defaults', () => {
    const topology = resolveTopology({ producers: [{ name: 'scanner' }], consumers: [{ name: 'archive' }] });
    expect(topology).toMatchObject({
      name: 'waybill',
      archive: { retentionDays: 30 },
      retention: { payloadDays: 73, noncurrentDays: 73, unfinishedUploadDays: 7, logDays: 90 },
      urlMaxAgeSeconds: 3_600,
      producers: [{ name: 'scanner', types: '*', retainDays: 73 }],
      consumers: [
        {
          name: 'archive',
          producers: '*',
          retentionDays: 14,
          visibilityTimeoutSeconds: 60,
          maxReceiveCount: 20,
        },
      ],
      origins: [],
    });
    expect(exchangeNames(topology)).toEqual({
      payloadBucket: 'waybill-payloads',
      controlBucket: 'waybill-control',
      bus: 'waybill',
      archive: 'waybill-archive',
    });
    expect(consumerNames(topology, 'archive')).toEqual({
      queue: 'waybill-archive',
      deadLetterQueue: 'waybill-archive-dlq',
      targetDeadLetterQueue: 'waybill-archive-undelivered',
      rule: 'waybill-archive',
    });
  });

  it.each([
    [{ name: 'Waybill' }, 'topology.name: expected a small letter'],
    [{ consumers: [{ name: '9' }] }, 'topology.consumers.0.name: expected a letter'],
    [{ consumers: [{ name: 'a' }, { name: 'A' }] }, 'topology.consumers: expected names that differ'],
    [{ producers: [{ name: 'p' }, { name: 'p' }] }, 'topology.producers: expected names that differ'],
    [{ producers: [{ name: 'aws.s3' }] }, 'does not begin with "aws."'],
    [
      { consumers: [{ name: 'a', types: '*' as const, pattern: {} }] },
      'expected types or a pattern, not both',
    ],
    [
      { consumers: [{ name: 'a', pattern: { detail: { replayfor: ['b'] } } }] },
      'which replays are for this consumer',
    ],
    [{ consumers: [{ name: 'a', retentionDays: 15 }] }, 'topology.consumers.0.retentionDays'],
    [{ origins: ['https://app.example.com/'] }, 'topology.origins.0: expected an origin'],
    [{ origins: ['*'] }, 'topology.origins.0: expected an origin'],
    [
      { producers: [{ name: 'p', principals: ['*'] }] },
      'topology.producers.0.principals.0: expected the ARN',
    ],
    [{ writeOncePrefixes: ['/x'] }, 'topology.writeOncePrefixes.0: expected a key prefix'],
  ])('refuses %j', (input, message) => {
    expect(() => resolveTopology(input)).toThrow(TypeError);
    expect(() => resolveTopology(input)).toThrow(message);
  });

  it('keeps payloads for as long as their events may be on the way, or as producers promise', () => {
    const short = { archive: { retentionDays: 7 }, consumers: [{ name: 'a', retentionDays: 2 }] };
    const daysOf = (input: TopologyInput) => {
      const { producers, retention } = resolveTopology(input);
      return [producers.map(({ retainDays }) => retainDays), retention.payloadDays, retention.noncurrentDays];
    };
    // The bus, the target's dead-letter queue, the longest queue, its dead-letter queue, the archive.
    const least = 1 + 14 + 2 + 14 + 7;
    expect(daysOf({ ...short, producers: [{ name: 'p' }] })).toEqual([[least], least, least]);
    const producers = [{ name: 'p' }, { name: 'q', retainDays: 100 }];
    expect(daysOf({ ...short, producers })).toEqual([[least, 100], 100, 100]);
    const consumers = [...short.consumers, { name: 'b', retentionDays: 9 }];
    expect(daysOf({ ...short, consumers })).toEqual([[], least + 7, least + 7]);
    expect(daysOf({ ...short, retention: { payloadDays: 50 } })).toEqual([[], 50, 50]);
  });

  it.each<[TopologyInput, RegExp]>([
    [
      { producers: [{ name: 'p', retainDays: 72 }] },
      /^topology\.producers\.0\.retainDays: got 72, expected at least 73 days: 1 /,
    ],
    [{ retention: { payloadDays: 72 } }, /^topology\.retention\.payloadDays: got 72, expected at least 73: /],
    [
      { retention: { noncurrentDays: 30 } },
      /^topology\.retention\.noncurrentDays: got 30, expected at least 73: /,
    ],
    [
      { retention: { payloadDays: 80 }, producers: [{ name: 'p', retainDays: 90 }] },
      /^topology\.retention\.payloadDays: got 80, expected at least 90: /,
    ],
  ])('refuses %j: its payloads would be gone too early', (input, message) => {
    expect(() => resolveTopology(input)).toThrow(RangeError);
    expect(() => resolveTopology(input)).toThrow(message);
  });
});

describe('topologySeed', () => {
  it('names the buckets, bus and archive, and gives each consumer a queue, its DLQ and a rule', () => {
    const topology = resolveTopology({
      name: 'acme',
      buckets: { payloads: 'acme-files' },
      consumers: [
        { name: 'archive', types: ['scan.made'], maxReceiveCount: 3, visibilityTimeoutSeconds: 90 },
      ],
    });
    expect(topologySeed(topology)).toEqual({
      buckets: ['acme-files', 'acme-control'],
      buses: ['acme'],
      archives: [{ name: 'acme-archive', bus: 'acme', pattern: archivePattern, retentionDays: 30 }],
      queues: [
        {
          name: 'acme-archive',
          deadLetterQueue: 'acme-archive-dlq',
          maxReceiveCount: 3,
          visibilityTimeoutSeconds: 90,
        },
      ],
      rules: [
        {
          bus: 'acme',
          name: 'acme-archive',
          pattern: { 'detail-type': ['scan.made'], detail: { replayfor: [{ exists: false }, 'archive'] } },
          queue: 'acme-archive',
        },
      ],
    });
  });
});
