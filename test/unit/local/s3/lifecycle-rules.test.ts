import { describe, expect, it } from 'vitest';
import { dueAtMs, filterFits } from '../../../../local/s3/lifecycle/rules.ts';
import { lifecycleRulesXml, readLifecycleRules } from '../../../../local/s3/lifecycle/rules-xml.ts';
import { toXml } from '../../../../local/s3/xml.ts';

const configuration = (rules: string): string => `<LifecycleConfiguration>${rules}</LifecycleConfiguration>`;
const rule = (body: string): string =>
  configuration(`<Rule><ID>r</ID><Status>Enabled</Status>${body}</Rule>`);
const EXPIRES = '<Expiration><Days>3</Days></Expiration>';
const ALL = '<Filter><Prefix></Prefix></Filter>';

describe('dueAtMs', () => {
  it.each([
    ['2014-01-15T10:30:00Z', 3, '2014-01-19T00:00:00Z'], // AWS's own example
    ['2014-01-15T00:00:00Z', 3, '2014-01-18T00:00:00Z'],
    ['2014-01-15T00:00:00.001Z', 1, '2014-01-17T00:00:00Z'],
    ['2024-02-28T23:59:59Z', 1, '2024-03-01T00:00:00Z'],
  ])('%s and %i days are due at %s', (since, days, due) => {
    expect(new Date(dueAtMs(Date.parse(since), days))).toEqual(new Date(due));
  });
});

describe('filterFits', () => {
  const object = { key: 'logs/a', tags: { kind: 'tmp', team: 'red' }, sizeBytes: 100 };

  it.each([
    [{}, true],
    [{ prefix: 'logs/' }, true],
    [{ prefix: 'log/' }, false],
    [{ tags: { kind: 'tmp' } }, true],
    [{ tags: { kind: 'tmp', team: 'blue' } }, false],
    [{ tags: { toString: 'x' } }, false],
    [{ sizeGreaterThan: 99 }, true],
    [{ sizeGreaterThan: 100 }, false],
    [{ sizeLessThan: 101 }, true],
    [{ sizeLessThan: 100 }, false],
    [{ prefix: 'logs/', tags: { team: 'red' }, sizeGreaterThan: 1, sizeLessThan: 1_000 }, true],
  ])('%j: %s', (filter, fits) => {
    expect(filterFits(filter, object)).toBe(fits);
  });

  it('asks of what has neither tags nor size that none are wanted', () => {
    expect(filterFits({ prefix: 'logs/' }, { key: 'logs/a' })).toBe(true);
    expect(filterFits({ sizeLessThan: 10 }, { key: 'logs/a' })).toBe(false);
  });
});

describe('readLifecycleRules', () => {
  it('reads what lifecycleRulesXml writes', () => {
    const text = configuration(
      [
        `<Rule><ID>a</ID><Prefix>old/</Prefix><Status>Disabled</Status>${EXPIRES}</Rule>`,
        '<Rule><ID>b</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>k2</Key><Value></Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Date>2026-11-23T00:00:00.000Z</Date></Expiration></Rule>',
        `<Rule><ID>c</ID>${ALL}<Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration><NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`,
        `<Rule><ID>d</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status>${EXPIRES}</Rule>`,
        `<Rule><ID>e</ID><Filter/><Status>Enabled</Status>${EXPIRES}</Rule>`,
      ].join(''),
    );
    const rules = readLifecycleRules(text);
    expect(rules).toMatchObject([
      { id: 'a', enabled: false, style: 'prefix', filter: { prefix: 'old/' }, expirationDays: 3 },
      { id: 'b', filter: { prefix: 'p', tags: { k: 'v', k2: '' }, sizeGreaterThan: 1, sizeLessThan: 9 } },
      {
        id: 'c',
        expiredObjectDeleteMarker: true,
        noncurrentDays: 7,
        newerNoncurrentVersions: 2,
        abortIncompleteDays: 1,
      },
      { id: 'd', filter: { tags: { k: 'v' } } },
      { id: 'e', filter: {}, style: 'filter' },
    ]);
    expect(readLifecycleRules(toXml('LifecycleConfiguration', lifecycleRulesXml(rules)))).toEqual(rules);
  });

  it('names a rule that has no id', () => {
    const [made] = readLifecycleRules(configuration(`<Rule>${ALL}<Status>Enabled</Status>${EXPIRES}</Rule>`));
    expect(made?.id).toMatch(/^[\da-f-]{36}$/);
  });

  it.each([
    ['no rules', configuration(''), 'MalformedXML'],
    ['no status', configuration(`<Rule>${ALL}${EXPIRES}</Rule>`), 'MalformedXML'],
    ['no filter', rule(EXPIRES), 'MalformedXML'],
    ['a filter and a prefix', rule(`${ALL}<Prefix>x</Prefix>${EXPIRES}`), 'MalformedXML'],
    ['no action', rule(ALL), 'InvalidRequest'],
    ['0 days', rule(`${ALL}<Expiration><Days>0</Days></Expiration>`), 'InvalidArgument'],
    [
      'days and a date',
      rule(`${ALL}<Expiration><Days>1</Days><Date>2026-01-01T00:00:00Z</Date></Expiration>`),
      'MalformedXML',
    ],
    [
      'a date at noon',
      rule(`${ALL}<Expiration><Date>2026-01-01T12:00:00Z</Date></Expiration>`),
      'InvalidArgument',
    ],
    [
      'two predicates without And',
      rule(`<Filter><Prefix>x</Prefix><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter>${EXPIRES}`),
      'MalformedXML',
    ],
    [
      'And with one predicate',
      rule(`<Filter><And><Prefix>x</Prefix></And></Filter>${EXPIRES}`),
      'MalformedXML',
    ],
    [
      'tags with aborts',
      rule(
        '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>',
      ),
      'InvalidRequest',
    ],
    [
      'tags with delete markers',
      rule(
        '<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>',
      ),
      'InvalidRequest',
    ],
    [
      'sizes the wrong way round',
      rule(
        `<Filter><And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>${EXPIRES}`,
      ),
      'InvalidRequest',
    ],
    [
      'noncurrent versions without days',
      rule(
        `${ALL}<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
      ),
      'MalformedXML',
    ],
    [
      'a transition',
      rule(`${ALL}<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>`),
      'NotImplemented',
    ],
    [
      'one id twice',
      configuration(`<Rule><ID>r</ID>${ALL}<Status>Enabled</Status>${EXPIRES}</Rule>`.repeat(2)),
      'InvalidArgument',
    ],
  ])('fails for %s', (_title, text, code) => {
    expect(() => readLifecycleRules(text)).toThrow(expect.objectContaining({ code }));
  });
});
