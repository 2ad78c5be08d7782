import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const document = read('docs/telemetry.md');
const sources = [
  'shared/telemetry.ts',
  'shared/telemetry-metrics.ts',
  'producers/telemetry.ts',
  'consumers/download/telemetry.ts',
  'consumers/download/url-keeper.ts',
  'consumers/worker/process-span.ts',
  'consumers/health/observe.ts',
  'consumers/health/worker-metrics.ts',
].map(read);

describe('docs/telemetry.md', () => {
  it('names every span, metric and attribute', () => {
    const names = sources.flatMap((source) =>
      [...source.matchAll(/'((?:waybill|messaging|cloudevents|aws|error)[._][a-z0-9_.]+)'/g)].map(
        ([, name]) => name ?? '',
      ),
    );
    expect(names.length).toBeGreaterThan(30);
    // `waybill.download.retries` may stand as `.retries` behind its first sibling
    const missing = names.filter(
      (name) => !document.includes(name) && !document.includes(`\`.${name.split('.').at(-1)}\``),
    );
    expect([...new Set(missing)].filter((name) => name !== 'aws.eventbridge')).toEqual([]);
  });
});
