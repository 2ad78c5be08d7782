import { describe, expect, it } from 'vitest';
import { insertResults } from '../../../bench/harness/document.ts';
import type { SuiteResult } from '../../../bench/harness/results.ts';

const TEXT = 'before\n\n<!-- results: written by the bench -->\n\nold\n\n<!-- end of results -->\n\nafter\n';

const sample = (wallSeconds: number) => ({
  wallSeconds,
  cpuSeconds: wallSeconds,
  peakRssBytes: 10e6,
  insideSeconds: undefined,
  said: {},
});

const result: SuiteResult = {
  suite: 'download',
  date: '2026-01-02T03:04:05.000Z',
  machine: { cpu: 'CPU', cores: 2, memoryGib: 8, system: 'Linux', node: 'v20', versions: { curl: '8.0' } },
  outputRoot: '/dev/shm',
  loadBefore: 0.1,
  races: [
    {
      id: 'download',
      title: 'Download',
      bytes: 1024 ** 3,
      reference: 'curl',
      goals: [],
      lanes: [
        { name: 'curl', checks: 'nothing', samples: [sample(2)] },
        { name: 'Waybill', checks: 'CRC32C', samples: [sample(1)] },
      ],
    },
  ],
};

describe('insertResults', () => {
  it('replaces the results of before, and nothing else', () => {
    const once = insertResults(TEXT, [result]);
    expect(once).not.toContain('old');
    expect(once.startsWith('before\n') && once.endsWith('\nafter\n')).toBe(true);
    expect(insertResults(once, [result])).toBe(once);
  });

  it('tells ratios, and what they were measured with', () => {
    const text = insertResults(TEXT, [result]);
    expect(text).toMatch(/\| Waybill +\| CRC32C +\| 2\.00× +\| 0\.50× +\| 10 MB/);
    expect(text).toContain('2026-01-02');
    expect(text).toContain('curl 8.0');
  });

  it('fails where there is no place for them', () => {
    expect(() => insertResults('nothing', [result])).toThrow(/expected <!-- results/);
  });
});
