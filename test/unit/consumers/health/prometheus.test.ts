import { describe, expect, it } from 'vitest';
import { createHistogram } from '../../../../consumers/health/histogram.ts';
import { formatMetrics } from '../../../../consumers/health/prometheus.ts';
import { stuckReason } from '../../../../consumers/health/observe.ts';

describe('formatMetrics', () => {
  it('writes help, type and samples', () => {
    const text = formatMetrics([
      {
        name: 'a_total',
        help: 'Counts.',
        type: 'counter',
        samples: [
          { labels: { outcome: 'succeeded' }, value: 3 },
          { labels: { outcome: 'retried' }, value: 0 },
        ],
      },
      { name: 'b', help: 'Level.', type: 'gauge', samples: [{ value: 1.5 }] },
    ]);
    expect(text).toBe(
      '# HELP a_total Counts.\n# TYPE a_total counter\na_total{outcome="succeeded"} 3\na_total{outcome="retried"} 0\n' +
        '# HELP b Level.\n# TYPE b gauge\nb 1.5\n',
    );
  });

  it('escapes labels and help', () => {
    const samples = [{ labels: { name: 'a"b\\c\nd' }, value: 1 }];
    expect(formatMetrics([{ name: 'a', help: 'x\\y\nz "q"', type: 'gauge', samples }])).toBe(
      '# HELP a x\\\\y\\nz "q"\n# TYPE a gauge\na{name="a\\"b\\\\c\\nd"} 1\n',
    );
  });

  it('fails on a counter that is not called _total', () => {
    expect(() => formatMetrics([{ name: 'a', help: '', type: 'counter', samples: [] }])).toThrow(/a.*_total/);
  });

  it('writes a histogram with cumulative buckets, whose bounds are inclusive', () => {
    const histogram = createHistogram([0.1, 1]);
    for (const value of [0.1, 0.05, 0.5, 7]) histogram.record(value);
    expect(formatMetrics([{ name: 'h', help: 'H.', type: 'histogram', histogram: histogram.value }])).toBe(
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="0.1"} 2\nh_bucket{le="1"} 3\nh_bucket{le="+Inf"} 4\nh_sum 7.65\nh_count 4\n',
    );
  });
});

describe('stuckReason', () => {
  const worker = { mayReceive: true, inFlight: 0, pollWaitSeconds: 20 };

  it.each([
    ['polls', { receivingMs: 139_000, sinceReceiveMs: 139_000 }, worker],
    [
      'has work in hand, and no room',
      { receivingMs: undefined, sinceReceiveMs: 1e9 },
      { ...worker, inFlight: 1 },
    ],
    [
      'waits with its circuit open',
      { receivingMs: undefined, sinceReceiveMs: 1e9 },
      { ...worker, mayReceive: false },
    ],
    ['has just received', { receivingMs: undefined, sinceReceiveMs: 89_000 }, worker],
  ])('is nothing while the worker %s', (_what, monitor, facts) => {
    expect(stuckReason(monitor, facts)).toBeUndefined();
  });

  it('is a receive that is never answered', () => {
    expect(stuckReason({ receivingMs: 141_000, sinceReceiveMs: 0 }, worker)).toBe(
      'a receive has had no answer for 141 s',
    );
  });

  it('is a loop that does not ask although nothing holds it', () => {
    expect(stuckReason({ receivingMs: undefined, sinceReceiveMs: 91_000 }, worker)).toMatch(
      /nothing was asked for in 91 s/,
    );
  });
});
