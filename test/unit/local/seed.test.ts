import { describe, expect, it } from 'vitest';

import { parseSeed } from '../../../local/seed.ts';

describe('parseSeed', () => {
  it('reads a whole topology', () => {
    const seed = {
      region: 'eu-central-1',
      identities: [{ accessKeyId: 'A', secretAccessKey: 'S', name: 'partner' }],
      buckets: ['inbox', { name: 'plain', versioning: false }],
      queues: [{ name: 'orders', deadLetterQueue: 'orders-dlq', maxReceiveCount: 3 }],
      buses: ['exchange'],
      rules: [{ bus: 'exchange', name: 'all', pattern: { source: ['shop'] }, queue: 'orders' }],
      archives: [{ name: 'everything', bus: 'exchange', retentionDays: 7 }],
    };
    expect(parseSeed(JSON.stringify({ $schema: './seed.schema.json', ...seed }))).toEqual(seed);
    expect(parseSeed('{}')).toEqual({});
  });

  it.each([
    ['{"queues": [{"name": "q"}, {"name": "r", "maxReceiveCount": 0}]}', 'queues.1.maxReceiveCount'],
    ['{"queues": [{"nme": "q"}]}', 'queues.0'],
    ['{"queue": []}', 'the file: Unrecognized key: "queue"'],
    ['{"buckets": [3]}', 'buckets.0: expected the name of a bucket'],
    ['{"identities": []}', 'identities'],
    ['{"rules": [{"name": "r", "queue": "q", "pattern": "source"}]}', 'rules.0.pattern'],
    ['{"rules": [{"name": "r", "queue": "q", "pattern": {"a": []}}]}', 'rules.0.pattern: Event pattern'],
    ['{"queues": [{"name": "a/b"}]}', 'queues.0.name: expected 1 to 80 letters'],
    ['[1]', 'the file'],
    ['{"buses": [', 'not JSON'],
  ])('fails at %s, naming the place', (text, place) => {
    expect(() => parseSeed(text)).toThrow(TypeError);
    expect(() => parseSeed(text)).toThrow(place);
  });

  it('fails without showing what may be a secret', () => {
    const text = '{"identities": [{"accessKeyId": "A", "secretAccessKey": 12345678}, sesame';
    expect(() => parseSeed(text)).toThrow(/^(?!.*(sesame|12345678)).*$/s);
    const typed = '{"identities": [{"accessKeyId": "A", "secretAccessKey": 12345678}]}';
    expect(() => parseSeed(typed)).toThrow(/^identities\.0\.secretAccessKey: (?!.*12345678).*$/);
  });
});
